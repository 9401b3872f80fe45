#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>

#include "config/config.hpp"
#include "http/message.hpp"
#include "http/sender.hpp"

namespace meetlink::http {

using Version = config::HttpVersion;

struct ClientOptions {
    Version version = Version::http_1_1;
    std::filesystem::path ca_file;  ///< PEM; empty: the system's store
    /// Connections to one host; requests above it wait for a free one, within their timeout. As many as
    /// may be in flight: HTTP/1.1 carries one request at a time on each, HTTP/2 up to 100.
    long connections_per_host = 64;
    std::chrono::milliseconds connect_timeout{5'000};  ///< name, TCP and TLS together
    std::size_t body_limit = std::size_t{1} << 20;     ///< longest answer, in bytes
};

/// The real Sender: libcurl on the caller's event loop, for one thread.
///
/// - HTTP/2 is spoken over TLS, with servers that offer it; its requests share connections. One that gets
///   no answer in time takes the connection it was on out of use, as HTTP/1.1 does by closing it.
/// - Connections and TLS sessions are reused. Redirects are not followed, other schemes than https
///   (and http for loopback) are refused.
/// - Only GET and DELETE are ever sent twice. libcurl repeats any request whose kept-alive connection
///   closes before a byte of the answer, even a POST that the server may have carried out; here that
///   ends as Fault::broken, unless not a byte of it had been sent.
class Client final : public Sender {
public:
    explicit Client(boost::asio::any_io_executor executor, ClientOptions options = {});
    /// Like close().
    ~Client() override;
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Cancelling the awaiting coroutine aborts the transfer and throws operation_aborted; nothing else
    /// is thrown but std::bad_alloc.
    [[nodiscard]] boost::asio::awaitable<Response> send(Request request) override;

    /// Ends every request that is under way (not_sent or broken) and every later one (not_sent).
    void close() noexcept;

    struct State;

private:
    std::shared_ptr<State> state_;
};

}  // namespace meetlink::http
