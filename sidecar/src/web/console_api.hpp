#pragma once

#include <boost/asio/awaitable.hpp>

#include "web/gateway.hpp"
#include "web/message.hpp"

/// The operators' console (sql/67_console.sql; README "HTTP"): 403 for everybody else.
namespace meetlink::web {

[[nodiscard]] boost::asio::awaitable<Answer> console_overview(Gateway& gateway, Caller caller,
                                                              const Request& request);
/// ?reason=R&limit=100&after=<next of the page before>
[[nodiscard]] boost::asio::awaitable<Answer> console_stuck(Gateway& gateway, Caller caller,
                                                           const Request& request);
/// /api/console/sessions/{id}
[[nodiscard]] boost::asio::awaitable<Answer> console_session(Gateway& gateway, Caller caller,
                                                             const Request& request);
/// ?limit=100&after=<next of the page before>
[[nodiscard]] boost::asio::awaitable<Answer> console_connections(Gateway& gateway, Caller caller,
                                                                 const Request& request);
/// ?span=hour|day
[[nodiscard]] boost::asio::awaitable<Answer> console_charts(Gateway& gateway, Caller caller,
                                                            const Request& request);
/// {"reason", "owner", "provider", "limit"}, each optional; answers {changed}.
[[nodiscard]] boost::asio::awaitable<Answer> console_retry(Gateway& gateway, Caller caller,
                                                           const Request& request);

}  // namespace meetlink::web
