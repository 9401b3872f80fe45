#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "daemon/registration.hpp"
#include "postgres/connection.hpp"
#include "postgres/error.hpp"
#include "postgres/session.hpp"

namespace meetlink::daemon {

/// Everything about the server, the extension, the role's rights and the attachment that keeps the
/// daemon from working, each with its remedy as hint. Changes nothing.
[[nodiscard]] boost::asio::awaitable<std::vector<postgres::Error>> find_problems(
    postgres::Connection& connection);

/// What keeps the role of http.conninfo from serving HTTP callers, who then get 503; with its remedy.
[[nodiscard]] boost::asio::awaitable<std::optional<postgres::Error>> find_gateway_problem(
    boost::asio::any_io_executor executor, postgres::Conninfo conninfo);

/// Makes this process known, and for whose meetings it is configured; fills `registration`.
[[nodiscard]] boost::asio::awaitable<std::optional<postgres::Error>> register_daemon(
    postgres::Connection& connection, std::string name, std::vector<std::string> providers,
    Registration& registration);

/// Tells the database that this process ends; an error has been logged.
[[nodiscard]] boost::asio::awaitable<void> unregister(postgres::Session& session,
                                                      const Registration& registration);

/// Whether it is worth trying again: the server is out of reach, starting, stopping or full. Anything
/// else at the first connection is for the person who starts the daemon.
[[nodiscard]] bool may_pass(const postgres::Error& error);

}  // namespace meetlink::daemon
