#pragma once

#include <boost/asio/awaitable.hpp>

#include "web/event_hub.hpp"
#include "web/gateway.hpp"
#include "web/message.hpp"

namespace meetlink::web {

/// GET /api/events?session=ID&session=ID... or ?topic=console: a stream of what changes (README "HTTP"). Sessions that
/// the caller may not see are left out, as missing ones are.
[[nodiscard]] boost::asio::awaitable<Answer> open_events(Gateway& gateway, EventHub& hub,
                                                         Caller caller, const Request& request);

}  // namespace meetlink::web
