#include "http1.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>
#include <cstdio>
#include <exception>
#include <tuple>

#include "exchange.hpp"
#include "request_parser.hpp"

namespace meetlink::standin {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t read_size = std::size_t{8} * 1024;

template <typename Stream>
class Connection {
public:
    Connection(Standin& standin, Stream stream, std::uint64_t number)
        : standin_(standin), stream_(std::move(stream)), number_(number)
    {
        if constexpr (!is_tls) stream_.non_blocking(true);  // for send()
    }

    asio::awaitable<void> run()
    {
        bool open = true;
        while (open && keep_alive_) {
            RequestParser parser;
            while (wants_more(parser)) {
                const auto [error, size] =
                    co_await stream_.async_read_some(input_.prepare(read_size), use_tuple);
                if (error) break;
                input_.commit(size);
            }
            if (!parser.is_done()) break;
            keep_alive_ = parser.keep_alive();
            auto request = parser.request();
            request.connection = number_;
            request.tls = is_tls;
            open = co_await exchange(standin_, request, *this);
        }
        close();
    }

    // --- what exchange() needs

    asio::awaitable<bool> write(const Answer& answer) { return send(to_wire(answer)); }

    asio::awaitable<void> write_half(const Answer& answer)
    {
        auto wire = to_wire(answer);
        wire.remove_suffix((answer.body.size() + 1) / 2);
        co_await send(wire);
    }

    asio::awaitable<bool> drip(const Answer& answer, const Effect& effect)
    {
        const auto wire = to_wire(answer);
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

    /// Feeds the parser with what has come; false when its request is complete or wrong.
    bool wants_more(RequestParser& parser)
    {
        boost::system::error_code error;
        if (input_.size() > 0) input_.consume(parser.put(input_.data(), error));
        return !parser.is_done() && (!error || error == http::error::need_more);
    }

    /// The answer as it goes over the wire, until the next: one buffer, so that it is one packet, and TLS
    /// makes one record of a small one.
    std::string_view to_wire(const Answer& answer)
    {
        const bool has_body = answer.status != 204 && answer.status != 304;
        const auto status = http::int_to_status(static_cast<unsigned>(answer.status));
        output_.clear();
        output_ += "HTTP/1.1 " + std::to_string(answer.status) + ' ';
        output_ += http::obsolete_reason(status);
        output_ += "\r\nDate: " + http_date(standin_.clock.now());
        if (has_body) {
            output_.append("\r\nContent-Type: ").append(answer.content_type);
            output_ += "\r\nContent-Length: " + std::to_string(answer.body.size());
        }
        for (const auto& [name, value] : answer.headers) {
            output_.append("\r\n").append(name).append(": ").append(value);
        }
        if (!keep_alive_) output_ += "\r\nConnection: close";
        output_ += "\r\n\r\n";
        if (has_body) output_ += answer.body;
        return output_;
    }

    asio::awaitable<bool> send(std::string_view wire)
    {
        boost::system::error_code error;
        if constexpr (!is_tls) {
            // Nearly always all of it, and at once: without a turn of the event loop.
            wire.remove_prefix(stream_.write_some(asio::buffer(wire), error));
            if (error == asio::error::would_block) error.clear();
        }
        if (!wire.empty() && !error) {
            std::tie(error, std::ignore) =
                co_await asio::async_write(stream_, asio::buffer(wire), use_tuple);
        }
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
    boost::beast::flat_buffer input_;
    std::string output_;
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
