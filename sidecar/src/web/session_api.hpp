#pragma once

#include <boost/asio/awaitable.hpp>

#include "web/gateway.hpp"
#include "web/message.hpp"

/// What the pages ask of sessions: who the caller is, his sessions, one of them (README "HTTP").
namespace meetlink::web {

/// {subject, role, operator}
[[nodiscard]] boost::asio::awaitable<Answer> me(Gateway& gateway, Caller caller,
                                                const Request& request);
/// ?limit=50&after=<next of the page before>
[[nodiscard]] boost::asio::awaitable<Answer> sessions(Gateway& gateway, Caller caller,
                                                      const Request& request);
/// /api/sessions/{id}; missing and invisible answer the same.
[[nodiscard]] boost::asio::awaitable<Answer> session(Gateway& gateway, Caller caller,
                                                     const Request& request);

}  // namespace meetlink::web
