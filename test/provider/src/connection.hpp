#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstdint>

#include "standin.hpp"

namespace meetlink::standin {

/// Serves one connection until either side closes it.
[[nodiscard]] boost::asio::awaitable<void> serve_plain(Standin& standin,
                                                       boost::asio::ip::tcp::socket socket,
                                                       std::uint64_t number);
[[nodiscard]] boost::asio::awaitable<void> serve_tls(Standin& standin,
                                                     boost::asio::ip::tcp::socket socket,
                                                     std::uint64_t number,
                                                     boost::asio::ssl::context& context);

}  // namespace meetlink::standin
