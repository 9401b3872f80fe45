#include "server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "connection.hpp"

namespace meetlink::standin {

namespace asio = boost::asio;
using asio::ip::tcp;

Server::Server(asio::io_context& io, std::uint16_t http_port, std::uint16_t https_port)
    : standin_(io.get_executor()),
      http_(io, tcp::endpoint{asio::ip::address_v4::loopback(), http_port}),
      https_(io, tcp::endpoint{asio::ip::address_v4::loopback(), https_port})
{
    certificate_.use_in(tls_);
    asio::co_spawn(io, accept(http_, false), asio::detached);
    asio::co_spawn(io, accept(https_, true), asio::detached);
}

asio::awaitable<void> Server::accept(tcp::acceptor& acceptor, bool tls)
{
    for (;;) {
        auto [error, socket] = co_await acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
        if (error == asio::error::operation_aborted) co_return;
        if (error) {  // out of descriptors: others will be closed
            asio::steady_timer timer{acceptor.get_executor(), std::chrono::milliseconds{10}};
            co_await timer.async_wait(asio::use_awaitable);
            continue;
        }
        socket.set_option(tcp::no_delay{true}, error);
        standin_.journal.connection_opened();
        const auto number = ++connections_;
        asio::co_spawn(acceptor.get_executor(),
                       tls ? serve_tls(standin_, std::move(socket), number, tls_)
                           : serve_plain(standin_, std::move(socket), number),
                       asio::detached);
    }
}

}  // namespace meetlink::standin
