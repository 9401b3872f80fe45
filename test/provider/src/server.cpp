#include "server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "http1.hpp"
#include "http2.hpp"

namespace meetlink::standin {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

/// Takes what the server prefers of what the client offers; without either, HTTP/1.1.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_length,
                    const unsigned char* offered, unsigned offered_length, void* context)
{
    const auto* protocols = static_cast<const std::string_view*>(context);
    const auto result = SSL_select_next_proto(
        const_cast<unsigned char**>(chosen), chosen_length,  // NOLINT: OpenSSL's own signature
        reinterpret_cast<const unsigned char*>(protocols->data()),
        static_cast<unsigned>(protocols->size()), offered, offered_length);
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

// each with its length before it (RFC 7301)
constexpr std::string_view both_protocols{"\x02h2\x08http/1.1"};
constexpr std::string_view only_http1{"\x08http/1.1"};

bool speaks_http2(SSL* connection)
{
    const unsigned char* chosen = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(connection, &chosen, &length);
    return length == 2;
}

asio::awaitable<void> serve_tls(Standin& standin, tcp::socket socket, std::uint64_t number,
                                asio::ssl::context& context)
{
    asio::ssl::stream<tcp::socket> stream{std::move(socket), context};
    const auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server,
                                                         asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    co_await (speaks_http2(stream.native_handle())
                  ? serve_http2(standin, std::move(stream), number)
                  : serve_http1(standin, std::move(stream), number));
}

}  // namespace

Server::Server(asio::io_context& io, std::uint16_t http_port, std::uint16_t https_port, bool http2)
    : standin_(io.get_executor()),
      http_(io, tcp::endpoint{asio::ip::address_v4::loopback(), http_port}),
      https_(io, tcp::endpoint{asio::ip::address_v4::loopback(), https_port})
{
    certificate_.use_in(tls_);
    SSL_CTX_set_alpn_select_cb(
        tls_.native_handle(), &choose_protocol,
        const_cast<std::string_view*>(http2 ? &both_protocols : &only_http1));  // NOLINT: read only
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
                           : serve_http1(standin_, std::move(socket), number),
                       asio::detached);
    }
}

}  // namespace meetlink::standin
