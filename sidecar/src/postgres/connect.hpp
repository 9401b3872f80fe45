#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "postgres/connection.hpp"
#include "postgres/conninfo.hpp"
#include "postgres/error.hpp"

namespace meetlink::postgres {

/// Opens a libpq connection without blocking the loop (only a name that is not in /etc/hosts is looked
/// up in PQconnectStart itself). The servers of `conninfo` are tried in order, each for its
/// connect_timeout; target_session_attrs is checked by libpq on each.
[[nodiscard]] boost::asio::awaitable<Expected<Connection::Handle>> connect(
    boost::asio::any_io_executor executor, Conninfo conninfo);

}  // namespace meetlink::postgres
