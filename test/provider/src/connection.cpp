#include "connection.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cstdio>
#include <exception>
#include <optional>

#include "admin.hpp"

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
        bool keep_alive = true;
        while (keep_alive) {
            http::request_parser<http::string_body> parser;
            parser.body_limit(request_limit);
            const auto [error, size] =
                co_await http::async_read(stream_, buffer, parser, use_tuple);
            if (error) break;
            keep_alive = parser.get().keep_alive();
            const auto request = as_request(parser.get(), number_, is_tls);
            if (request.path.starts_with(admin_prefix)) {
                const auto answer = administrate(standin_, request);
                if (!co_await write(to_wire(answer, standin_.clock.now(), keep_alive))) break;
            } else if (!co_await exchange(request, keep_alive)) {
                break;
            }
        }
        close();
    }

private:
    static constexpr bool is_tls = !std::is_same_v<Stream, tcp::socket>;

    /// One provider request with whatever fault hits it; false when the connection is over.
    asio::awaitable<bool> exchange(const Request& request, bool keep_alive)
    {
        const Call call = standin_.route(request);
        const auto rule = standin_.faults.match(call, request);
        static const Effect no_effect{};
        const Effect& effect = rule ? rule->effect() : no_effect;
        const auto entry = standin_.journal.start(call, request, standin_.clock.now());

        if (effect.hold_before) co_await rule->released();
        co_await pause(effect.delay);
        Answer answer;
        if (effect.act) answer = standin_.act(call, request, rule ? &effect : nullptr);
        if (effect.hold_after) co_await rule->released();
        co_await pause(effect.answer_delay);
        answer = apply(effect, call.provider, std::move(answer), standin_.clock.now());

        // Written down before it is sent: who has the answer can also find it in the log.
        const auto finish = [&](int status, std::string_view outcome) {
            standin_.journal.finish(entry, call, status, outcome, effect.name, answer.body,
                                    standin_.clock.now());
        };
        switch (effect.delivery) {
            case Delivery::cut:
                finish(0, "cut");
                reset_ = effect.reset;
                co_return false;
            case Delivery::hang:
                co_await hang(*rule);
                finish(0, "hung");
                co_return false;
            case Delivery::truncated: {
                finish(0, "truncated");
                auto wire = to_wire(answer, standin_.clock.now(), keep_alive);
                wire.resize(wire.size() - (answer.body.size() + 1) / 2);
                co_await write(wire);
                co_return false;
            }
            case Delivery::drip: {
                finish(answer.status, "answered");
                const auto wire = to_wire(answer, standin_.clock.now(), keep_alive);
                const bool sent = co_await drip(wire, effect);
                co_return sent;
            }
            case Delivery::whole:
                break;
        }
        finish(answer.status, "answered");
        co_return co_await write(to_wire(answer, standin_.clock.now(), keep_alive));
    }

    asio::awaitable<void> pause(std::chrono::milliseconds time)
    {
        if (time.count() == 0) co_return;
        asio::steady_timer timer{stream_.get_executor(), time};
        co_await timer.async_wait(use_tuple);
    }

    asio::awaitable<bool> write(std::string_view wire)
    {
        const auto [error, size] =
            co_await asio::async_write(stream_, asio::buffer(wire), use_tuple);
        co_return !error;
    }

    asio::awaitable<bool> drip(std::string_view wire, const Effect& effect)
    {
        bool sent = true;
        for (std::size_t at = 0; sent && at < wire.size(); at += effect.drip_bytes) {
            sent = co_await write(wire.substr(at, effect.drip_bytes));
            co_await pause(effect.drip_interval);
        }
        co_return sent;
    }

    /// Answers nothing until the client gives up or the rule is released.
    asio::awaitable<void> hang(FaultRule& rule)
    {
        using namespace asio::experimental::awaitable_operators;
        co_await (rule.released() ||
                  socket().async_wait(tcp::socket::wait_read, asio::use_awaitable));
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

asio::awaitable<void> serve_plain(Standin& standin, tcp::socket socket, std::uint64_t number)
{
    return serve(standin, std::move(socket), number);
}

asio::awaitable<void> serve_tls(Standin& standin, tcp::socket socket, std::uint64_t number,
                                asio::ssl::context& context)
{
    asio::ssl::stream<tcp::socket> stream{std::move(socket), context};
    const auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server, use_tuple);
    if (!error) co_await serve(standin, std::move(stream), number);
}

}  // namespace meetlink::standin
