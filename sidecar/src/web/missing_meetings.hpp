#pragma once

#include <boost/asio/awaitable.hpp>

#include "base/condition.hpp"
#include "web/gateway.hpp"

namespace meetlink::web {

/// POST /api/sessions/create-missing-meetings: asks for every upcoming session that has no link, and
/// waits for the outcomes (APP.md). 202 with the counts so far when that takes longer than the wait.
/// `stopping` ends the wait.
[[nodiscard]] boost::asio::awaitable<Answer> create_missing_meetings(Gateway& gateway,
                                                                     Caller caller,
                                                                     Condition& stopping);

}  // namespace meetlink::web
