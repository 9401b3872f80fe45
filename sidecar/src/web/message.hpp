#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// The daemon's own HTTP server (README "HTTP"): API, events, pages, health and metrics. `http/` is the
/// client side.
namespace meetlink::web {

namespace beast = boost::beast;

/// As Beast read it, within the server's limits, and from whom.
struct Request {
    beast::http::request<beast::http::string_body> message;
    boost::asio::ip::address peer;

    /// The target without its query.
    [[nodiscard]] std::string path() const
    {
        const std::string target{message.target()};
        return target.substr(0, target.find('?'));
    }
    /// How often the header occurs.
    [[nodiscard]] std::size_t count(std::string_view name) const { return message.count(name); }
    /// Its first value; empty when absent.
    [[nodiscard]] std::string header(std::string_view name) const
    {
        return std::string{message[name]};
    }
};

/// A body that goes on: event streams.
class Stream {
public:
    Stream() = default;
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    virtual ~Stream() = default;

    /// The next piece of it, nothing at its end.
    [[nodiscard]] virtual boost::asio::awaitable<std::optional<std::string>> next() = 0;
    virtual void close() = 0;
};

struct Answer {
    int status = 200;
    std::string body{};
    std::vector<std::pair<std::string, std::string>> headers{};
    std::string content_type = "application/json";
    std::shared_ptr<Stream> stream{};  ///< instead of a body
};

}  // namespace meetlink::web
