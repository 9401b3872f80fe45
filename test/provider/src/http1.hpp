#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cstdint>

#include "standin.hpp"

namespace meetlink::standin {

/// Serves one HTTP/1.1 connection until either side closes it.
[[nodiscard]] boost::asio::awaitable<void> serve_http1(Standin& standin,
                                                       boost::asio::ip::tcp::socket socket,
                                                       std::uint64_t number);
[[nodiscard]] boost::asio::awaitable<void> serve_http1(
    Standin& standin, boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream,
    std::uint64_t number);

}  // namespace meetlink::standin
