#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstdint>

#include "certificate.hpp"
#include "standin.hpp"

namespace meetlink::standin {

/// Both providers and the admin interface on two loopback ports, the same routes on each.
class Server {
public:
    /// Listens at once; port 0 chooses a free one. Over TLS it speaks HTTP/2 with clients that offer it, unless
    /// `http2` is false. Throws boost::system::system_error.
    Server(boost::asio::io_context& io, std::uint16_t http_port, std::uint16_t https_port,
           bool http2 = true);

    [[nodiscard]] std::uint16_t http_port() const { return http_.local_endpoint().port(); }
    [[nodiscard]] std::uint16_t https_port() const { return https_.local_endpoint().port(); }
    [[nodiscard]] const Certificate& certificate() const { return certificate_; }

private:
    boost::asio::awaitable<void> accept(boost::asio::ip::tcp::acceptor& acceptor, bool tls);

    Standin standin_;
    Certificate certificate_;
    boost::asio::ssl::context tls_{boost::asio::ssl::context::tls_server};
    boost::asio::ip::tcp::acceptor http_;
    boost::asio::ip::tcp::acceptor https_;
    std::uint64_t connections_ = 0;
};

}  // namespace meetlink::standin
