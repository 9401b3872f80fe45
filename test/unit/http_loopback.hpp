#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace meetlink::test {

namespace asio = boost::asio;
using asio::ip::tcp;

/// Runs a coroutine to its end on `io`. The limit only turns a hang into a failure.
template <typename T>
T run(asio::io_context& io, asio::awaitable<T> work)
{
    std::optional<T> result;
    std::exception_ptr error;
    asio::co_spawn(io, std::move(work), [&](std::exception_ptr thrown, T value) {
        error = thrown;
        result = std::move(value);
    });
    io.restart();
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!result && !error && std::chrono::steady_clock::now() < limit) {
        io.run_one_for(std::chrono::seconds(1));
    }
    if (error) {
        std::rethrow_exception(error);
    }
    if (!result) {
        throw std::runtime_error("the coroutine did not end");
    }
    return std::move(*result);
}

/// One request as the server saw it.
struct Seen {
    int connection = 0;
    std::string head;
    std::string body;
};

/// A server on 127.0.0.1 that speaks just enough HTTP/1.1 to misbehave on purpose. It must live as long
/// as its loop turns.
class LoopbackServer {
public:
    /// Answers one request; false ends the connection. `nth` counts all requests from 1.
    using Handler = std::function<asio::awaitable<bool>(tcp::socket&, const Seen&, int nth)>;

    LoopbackServer(asio::io_context& io, Handler handler)
        : acceptor_(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
          handler_(std::move(handler))
    {
        asio::co_spawn(io, accept(), asio::detached);
    }

    [[nodiscard]] std::string url(const std::string& path = "/") const
    {
        return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + path;
    }
    [[nodiscard]] const std::vector<Seen>& seen() const { return seen_; }
    [[nodiscard]] int connections() const { return connections_; }
    [[nodiscard]] int open_connections() const { return open_; }
    [[nodiscard]] int most_connections() const { return most_; }

    /// Sends `text` as it is.
    static asio::awaitable<bool> raw(tcp::socket& socket, std::string text)
    {
        boost::system::error_code error;
        co_await asio::async_write(socket, asio::buffer(text),
                                   asio::redirect_error(asio::use_awaitable, error));
        co_return !error;
    }
    static asio::awaitable<bool> answer(tcp::socket& socket, std::string body,
                                        std::string headers = {})
    {
        return raw(socket, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                               "\r\n" + headers + "\r\n" + body);
    }

private:
    asio::awaitable<void> accept()
    {
        for (;;) {
            tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
            asio::co_spawn(acceptor_.get_executor(), serve(std::move(socket), ++connections_),
                           asio::detached);
        }
    }

    asio::awaitable<void> serve(tcp::socket socket, int number)
    {
        most_ = std::max(most_, ++open_);
        std::string buffer;
        bool go_on = true;
        while (go_on) {
            boost::system::error_code error;
            Seen request{number, {}, {}};
            const std::size_t head =
                co_await asio::async_read_until(socket, asio::dynamic_buffer(buffer), "\r\n\r\n",
                                                asio::redirect_error(asio::use_awaitable, error));
            if (error) {
                break;
            }
            request.head = buffer.substr(0, head);
            buffer.erase(0, head);
            const auto at = request.head.find("Content-Length: ");
            const std::size_t length =
                at == std::string::npos ? 0 : std::stoul(request.head.substr(at + 16));
            while (buffer.size() < length) {
                std::string more(length - buffer.size(), '\0');
                const std::size_t got = co_await socket.async_read_some(
                    asio::buffer(more), asio::redirect_error(asio::use_awaitable, error));
                if (error) {
                    break;
                }
                buffer.append(more, 0, got);
            }
            request.body = buffer.substr(0, length);
            buffer.erase(0, length);
            seen_.push_back(request);
            go_on = co_await handler_(socket, request, static_cast<int>(seen_.size()));
        }
        --open_;
    }

    tcp::acceptor acceptor_;
    Handler handler_;
    std::vector<Seen> seen_;
    int connections_ = 0;
    int open_ = 0;
    int most_ = 0;
};

}  // namespace meetlink::test
