#include "http1.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cstdio>
#include <exception>
#include <optional>

#include "exchange.hpp"

namespace meetlink::standin {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t request_limit = 8'000'000;

std::string_view view(boost::string_view text)
{
    return {text.data(), text.size()};
}

Request as_request(const http::request<http::string_body>& message, std::uint64_t connection,
                   bool tls)
{
    Request request;
    const auto target = view(message.target());
    const auto question = target.find('?');
    request.method = view(message.method_string());
    request.path = target.substr(0, question);
    if (question != std::string_view::npos) request.query = target.substr(question + 1);
    request.authorization = view(message[http::field::authorization]);
    request.if_match = view(message[http::field::if_match]);
    request.body = message.body();
    request.connection = connection;
    request.tls = tls;
    return request;
}

/// The answer as it goes over the wire: one buffer, so that TLS makes one record of a small one.
std::string to_wire(const Answer& answer, Time now, bool keep_alive)
{
    const bool has_body = answer.status != 204 && answer.status != 304;
    std::string wire;
    wire.reserve(256 + answer.body.size());
    wire += "HTTP/1.1 " + std::to_string(answer.status) + ' ';
    wire += view(http::obsolete_reason(http::int_to_status(static_cast<unsigned>(answer.status))));
    wire += "\r\nDate: " + http_date(now);
    if (has_body) {
        wire.append("\r\nContent-Type: ").append(answer.content_type);
        wire += "\r\nContent-Length: " + std::to_string(answer.body.size());
    }
    for (const auto& [name, value] : answer.headers) wire += "\r\n" + name + ": " + value;
    if (!keep_alive) wire += "\r\nConnection: close";
    wire += "\r\n\r\n";
    if (has_body) wire += answer.body;
    return wire;
}

template <typename Stream>
class Connection {
public:
    Connection(Standin& standin, Stream stream, std::uint64_t number)
        : standin_(standin), stream_(std::move(stream)), number_(number)
    {
    }

    asio::awaitable<void> run()
    {
        boost::beast::flat_buffer buffer;
        while (keep_alive_) {
            http::request_parser<http::string_body> parser;
            parser.body_limit(request_limit);
            const auto [error, size] =
                co_await http::async_read(stream_, buffer, parser, use_tuple);
            if (error) break;
            keep_alive_ = parser.get().keep_alive();
            if (!co_await exchange(standin_, as_request(parser.get(), number_, is_tls), *this)) {
                break;
            }
        }
        close();
    }

    // --- what exchange() needs

    asio::awaitable<bool> write(const Answer& answer)
    {
        return send(to_wire(answer, standin_.clock.now(), keep_alive_));
    }

    asio::awaitable<void> write_half(const Answer& answer)
    {
        auto wire = to_wire(answer, standin_.clock.now(), keep_alive_);
        wire.resize(wire.size() - (answer.body.size() + 1) / 2);
        co_await send(std::move(wire));
    }

    asio::awaitable<bool> drip(const Answer& answer, const Effect& effect)
    {
        const auto wire = to_wire(answer, standin_.clock.now(), keep_alive_);
        bool sent = true;
        for (std::size_t at = 0; sent && at < wire.size(); at += effect.drip_bytes) {
            sent = co_await send(wire.substr(at, effect.drip_bytes));
            co_await pause(effect.drip_interval);
        }
        co_return sent;
    }

    asio::awaitable<void> gone()
    {
        return socket().async_wait(tcp::socket::wait_read, asio::use_awaitable);
    }

    void cut(bool reset) { reset_ = reset; }
    void refuse() {}
    void take_no_more() { keep_alive_ = false; }

private:
    static constexpr bool is_tls = !std::is_same_v<Stream, tcp::socket>;

    asio::awaitable<bool> send(std::string wire)
    {
        const auto [error, size] =
            co_await asio::async_write(stream_, asio::buffer(wire), use_tuple);
        co_return !error;
    }

    tcp::socket& socket()
    {
        if constexpr (is_tls) {
            return stream_.next_layer();
        } else {
            return stream_;
        }
    }

    void close()
    {
        boost::system::error_code ignored;
        if (reset_) socket().set_option(asio::socket_base::linger{true, 0}, ignored);
        socket().close(ignored);
    }

    Standin& standin_;
    Stream stream_;
    std::uint64_t number_;
    bool keep_alive_ = true;
    bool reset_ = false;
};

template <typename Stream>
asio::awaitable<void> serve(Standin& standin, Stream stream, std::uint64_t number)
{
    try {
        Connection<Stream> connection{standin, std::move(stream), number};
        co_await connection.run();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "standin: connection %ju failed: %s\n", std::uintmax_t{number},
                     error.what());
    }
}

}  // namespace

asio::awaitable<void> serve_http1(Standin& standin, tcp::socket socket, std::uint64_t number)
{
    return serve(standin, std::move(socket), number);
}

asio::awaitable<void> serve_http1(Standin& standin, asio::ssl::stream<tcp::socket> stream,
                                  std::uint64_t number)
{
    return serve(standin, std::move(stream), number);
}

}  // namespace meetlink::standin
