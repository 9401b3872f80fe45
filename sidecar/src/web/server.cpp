#include "web/server.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>

#include "base/what.hpp"
#include "log/log.hpp"
#include "web/answers.hpp"

namespace meetlink::web {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

namespace {

/// Sent as it is when there is no room for one more connection.
constexpr std::string_view full =
    "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n"
    "Retry-After: 5\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n";

/// After an early refusal: how much of the request is still read, so that the client sees the answer.
constexpr std::size_t longest_drain = 4 * 1024 * 1024;
constexpr std::chrono::seconds drain_patience{2};

/// Of a stream, in bytes: its events are small.
constexpr int stream_buffer = 16 * 1024;

/// The answer to what could not be read; nothing when there is nobody to answer.
std::optional<Answer> answer_to(const error_code& unreadable)
{
    using beast::http::error;
    if (unreadable == error::header_limit) {
        return problem(431, "Request header fields too large", "The headers are limited to 8 KiB.");
    }
    if (unreadable == error::body_limit) {
        return problem(413, "Content too large", "The body is limited to 64 KiB.");
    }
    if (unreadable == error::end_of_stream || unreadable == error::partial_message ||
        unreadable.category() != make_error_code(error::end_of_stream).category()) {
        return std::nullopt;
    }
    return problem(400, "Bad request", "This is no valid HTTP request.");
}

template <typename Message>
void fill_header(Message& message, const Answer& answer, bool keep_alive)
{
    message.keep_alive(keep_alive);
    message.set("Content-Type", answer.content_type);
    message.set("Cache-Control", "no-store");
    message.set("X-Content-Type-Options", "nosniff");
    message.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    for (const auto& [name, value] : answer.headers) {
        message.set(name, value);
    }
}

}  // namespace

Server::Server(asio::any_io_executor executor, Handler handler, Limits limits)
    : executor_(executor),
      handler_(std::move(handler)),
      limits_(limits),
      acceptor_(executor),
      connections_(executor)
{
}

std::optional<std::string> Server::listen(const config::ListenAddress& address)
{
    error_code problem;
    const auto host = asio::ip::make_address(address.host, problem);
    const tcp::endpoint endpoint{host, address.port};
    const auto step = [&](auto&& call) {
        if (!problem) {
            call();
        }
    };
    step([&] { acceptor_.open(endpoint.protocol(), problem); });
    step([&] { acceptor_.set_option(asio::socket_base::reuse_address(true), problem); });
    step([&] { acceptor_.bind(endpoint, problem); });
    step([&] { acceptor_.listen(asio::socket_base::max_listen_connections, problem); });
    if (problem) {
        error_code ignored;
        acceptor_.close(ignored);
        return problem.message();
    }
    connections_.spawn("http acceptor", accept());
    return std::nullopt;
}

std::string Server::address() const
{
    error_code ignored;
    const auto endpoint = acceptor_.local_endpoint(ignored);
    const auto host = endpoint.address().to_string();
    return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" +
           std::to_string(endpoint.port());
}

asio::awaitable<void> Server::accept()
{
    while (!closing_) {
        tcp::socket socket{executor_};
        error_code problem;
        co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, problem));
        if (closing_) {
            break;
        }
        if (!problem) {
            welcome(std::move(socket));
        } else if (problem != asio::error::connection_aborted) {
            log::warning("http_accept_failed", "could not accept a connection",
                         {{"error", problem.message()}});
            asio::steady_timer pause{executor_,
                                     std::chrono::milliseconds{200}};  // out of descriptors
            co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, problem));
        }
    }
}

void Server::welcome(tcp::socket socket)
{
    error_code ignored;
    if (clients_.size() - streaming_ >= limits_.connections) {
        socket.non_blocking(true, ignored);
        socket.send(asio::buffer(full), 0, ignored);
        return;
    }
    socket.set_option(tcp::no_delay(true), ignored);
    auto client = std::make_shared<Client>(std::move(socket));
    clients_.insert(client);
    connections_.spawn("http connection", serve(std::move(client)));
}

asio::awaitable<void> Server::serve(std::shared_ptr<Client> client)
{
    std::exception_ptr thrown;
    try {
        co_await converse(*client);
    } catch (...) {
        thrown = std::current_exception();
    }
    client->stream.close();
    clients_.erase(client);
    streaming_ -= client->streaming ? 1 : 0;
    if (thrown) {
        std::rethrow_exception(thrown);
    }
}

asio::awaitable<void> Server::converse(Client& client)
{
    beast::flat_buffer buffer;
    error_code ended;
    Request request;
    const auto peer = client.stream.socket().remote_endpoint(ended);
    if (ended) {
        co_return;  // gone already
    }
    request.peer = peer.address();
    for (bool keep_alive = true; keep_alive && !closing_;) {
        beast::http::request_parser<beast::http::string_body> parser;
        request.message = {};
        parser.header_limit(limits_.header_bytes);
        parser.body_limit(limits_.body_bytes);
        client.stream.expires_after(limits_.patience);
        co_await beast::http::async_read(client.stream, buffer, parser,
                                         asio::redirect_error(asio::use_awaitable, ended));
        client.stream.expires_never();
        if (ended) {
            if (auto refusal = answer_to(ended)) {
                const bool sent = co_await send(client, std::move(*refusal), request, false);
                if (sent) {
                    co_await hang_up(client);
                }
            }
            co_return;
        }
        client.serving = true;
        request.message = parser.release();
        auto answer = co_await handle(request);
        if (answer.stream) {
            client.streaming = true;
            ++streaming_;
            buffer.clear();
            buffer.shrink_to_fit();
            co_await send_stream(client, std::move(answer), request);
            co_return;
        }
        keep_alive = request.message.keep_alive() && !closing_;
        const bool sent = co_await send(client, std::move(answer), request, keep_alive);
        client.serving = false;
        keep_alive = keep_alive && sent;
    }
}

/// Whatever the handler throws is a bug, and an answer all the same.
asio::awaitable<Answer> Server::handle(const Request& request)
{
    std::exception_ptr thrown;
    try {
        co_return co_await handler_(request);
    } catch (...) {
        thrown = std::current_exception();
    }
    log::error("internal_defect", "an HTTP request ended by an unexpected exception",
               {{"path", request.path()}, {"error", what(thrown)}});
    co_return unavailable("The request could not be served.");
}

/// False: the client is gone.
asio::awaitable<bool> Server::send(Client& client, Answer answer, const Request& request,
                                   bool keep_alive)
{
    const auto status = static_cast<beast::http::status>(answer.status);
    const unsigned version = request.message.version();
    error_code ended;
    client.stream.expires_after(limits_.patience);
    if (request.message.method() == beast::http::verb::head) {
        beast::http::response<beast::http::empty_body> message{status, version};
        fill_header(message, answer, keep_alive);
        message.content_length(answer.body.size());
        co_await beast::http::async_write(client.stream, message,
                                          asio::redirect_error(asio::use_awaitable, ended));
    } else {
        beast::http::response<beast::http::string_body> message{status, version};
        fill_header(message, answer, keep_alive);
        message.body() = std::move(answer.body);
        message.prepare_payload();
        co_await beast::http::async_write(client.stream, message,
                                          asio::redirect_error(asio::use_awaitable, ended));
    }
    client.stream.expires_never();
    co_return !ended;
}

/// A reader that takes nothing for `patience` is dropped.
asio::awaitable<void> Server::send_stream(Client& client, Answer answer, const Request& request)
{
    error_code ended;
    auto& socket = client.stream.socket();
    const asio::socket_base::send_buffer_size small{
        stream_buffer};  // else a slow reader costs megabytes
    socket.set_option(small, ended);
    // a reader says nothing more: what arrives is its end
    socket.async_wait(tcp::socket::wait_read,
                      [stream = answer.stream](const error_code&) { stream->close(); });
    beast::http::response<beast::http::empty_body> message{
        static_cast<beast::http::status>(answer.status), request.message.version()};
    fill_header(message, answer, false);
    const bool chunked = request.message.version() >= 11;
    message.chunked(chunked);
    beast::http::response_serializer<beast::http::empty_body> serializer{message};
    client.stream.expires_after(limits_.patience);
    co_await beast::http::async_write_header(client.stream, serializer,
                                             asio::redirect_error(asio::use_awaitable, ended));
    while (!ended) {
        client.stream.expires_never();
        const auto piece = co_await answer.stream->next();
        client.stream.expires_after(limits_.patience);
        const auto bytes = asio::buffer(piece ? *piece : std::string_view{});
        const auto chunk = beast::http::make_chunk(bytes);
        const auto last = beast::http::make_chunk_last();
        if (!piece && chunked) {
            co_await asio::async_write(client.stream, last,
                                       asio::redirect_error(asio::use_awaitable, ended));
        }
        if (!piece) {
            break;
        }
        if (chunked) {
            co_await asio::async_write(client.stream, chunk,
                                       asio::redirect_error(asio::use_awaitable, ended));
        } else {
            co_await asio::async_write(client.stream, bytes,
                                       asio::redirect_error(asio::use_awaitable, ended));
        }
    }
    if (ended == beast::error::timeout) {
        log::info("http_reader_dropped", "the reader of an event stream takes nothing any more",
                  {{"path", request.path()}});
    }
}

/// Reads on for a moment: closing with unread input resets the connection, and the answer is lost.
asio::awaitable<void> Server::hang_up(Client& client)
{
    error_code ended;
    client.stream.socket().shutdown(tcp::socket::shutdown_send, ended);
    client.stream.expires_after(drain_patience);
    std::string discarded(16 * 1024, '\0');
    for (std::size_t drained = 0; !ended && drained < longest_drain;) {
        drained += co_await client.stream.async_read_some(
            asio::buffer(discarded), asio::redirect_error(asio::use_awaitable, ended));
    }
}

void Server::close()
{
    closing_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    for (const auto& client : clients_) {
        if (!client->serving) {
            client->stream.cancel();
        }
    }
}

void Server::abort()
{
    close();
    for (const auto& client : clients_) {
        client->stream.close();
    }
}

}  // namespace meetlink::web
