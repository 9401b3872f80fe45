#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cstdint>

#include "standin.hpp"

namespace meetlink::standin {

/// Serves one HTTP/2 connection, up to 100 requests at a time, until either side closes it.
[[nodiscard]] boost::asio::awaitable<void> serve_http2(
    Standin& standin, boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream,
    std::uint64_t number);

}  // namespace meetlink::standin
