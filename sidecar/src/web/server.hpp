#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/task_group.hpp"
#include "config/value.hpp"
#include "web/message.hpp"

namespace meetlink::web {

/// HTTP/1.1 over TCP with limits on everything a client decides. What a request means is the handler's.
class Server {
public:
    struct Limits {
        std::size_t connections = 256;  ///< but for event streams, which the handler limits
        std::uint32_t header_bytes = 8 * 1024;
        std::uint64_t body_bytes = 64 * 1024;
        /// For a whole request to arrive (and so for an idle connection), and for an answer to leave.
        std::chrono::seconds patience{15};
    };
    using Handler = std::function<boost::asio::awaitable<Answer>(const Request&)>;

    Server(boost::asio::any_io_executor executor, Handler handler, Limits limits);

    /// Takes the address and starts to serve; says why not.
    [[nodiscard]] std::optional<std::string> listen(const config::ListenAddress& address);
    /// "127.0.0.1:8787", with the port that was taken.
    [[nodiscard]] std::string address() const;

    /// Takes no new requests; those that are being served are still answered.
    void close();
    [[nodiscard]] boost::asio::awaitable<bool> joined_until(Condition::Clock::time_point deadline)
    {
        return connections_.joined_until(deadline);
    }
    /// Cuts every connection.
    void abort();

private:
    struct Client {
        explicit Client(boost::asio::ip::tcp::socket socket) : stream(std::move(socket)) {}
        boost::beast::tcp_stream stream;
        bool streaming = false;
        bool serving = false;  ///< a request has arrived and is not answered yet
    };

    [[nodiscard]] boost::asio::awaitable<void> accept();
    void welcome(boost::asio::ip::tcp::socket socket);
    [[nodiscard]] boost::asio::awaitable<void> serve(std::shared_ptr<Client> client);
    [[nodiscard]] boost::asio::awaitable<void> converse(Client& client);
    [[nodiscard]] boost::asio::awaitable<Answer> handle(const Request& request);
    [[nodiscard]] boost::asio::awaitable<bool> send(Client& client, Answer answer,
                                                    const Request& request, bool keep_alive);
    [[nodiscard]] boost::asio::awaitable<void> send_stream(Client& client, Answer answer,
                                                           const Request& request);
    [[nodiscard]] boost::asio::awaitable<void> hang_up(Client& client);

    boost::asio::any_io_executor executor_;
    Handler handler_;
    Limits limits_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::set<std::shared_ptr<Client>> clients_;
    std::size_t streaming_ = 0;
    bool closing_ = false;
    TaskGroup connections_;
};

}  // namespace meetlink::web
