#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/sender.hpp"
#include "provider/provider.hpp"

namespace meetlink::test {

/// A Sender that plays a provider from a script: each request gets the next answer, and is kept.
class Script final : public http::Sender {
public:
    Script& answer(int status, std::string body, std::string retry_after = {})
    {
        http::Response response;
        response.status = status;
        response.body = std::move(body);
        response.retry_after = std::move(retry_after);
        return answer(std::move(response));
    }
    Script& answer(http::Response response)
    {
        answers_.push_back(std::move(response));
        return *this;
    }
    Script& no_answer(http::Fault fault)
    {
        http::Response response;
        response.fault = fault;
        response.fault_detail = "as scripted";
        return answer(std::move(response));
    }

    boost::asio::awaitable<http::Response> send(http::Request request) override
    {
        requests.push_back(std::move(request));
        if (answers_.empty()) {
            throw std::logic_error("unexpected request: " + requests.back().method + " " +
                                   requests.back().url);
        }
        http::Response response = std::move(answers_.front());
        answers_.pop_front();
        response.host = "provider.example";
        co_return response;
    }

    [[nodiscard]] bool played_out() const { return answers_.empty(); }

    std::vector<http::Request> requests;

private:
    std::deque<http::Response> answers_;
};

template <typename T>
boost::asio::awaitable<void> keep(boost::asio::awaitable<T> work, std::optional<T>& result)
{
    result.emplace(co_await std::move(work));
}

/// Runs a coroutine that waits for nothing but short timers.
template <typename T>
T play(boost::asio::awaitable<T> work)
{
    boost::asio::io_context io;
    std::optional<T> result;
    std::exception_ptr thrown;
    // through keep(), because co_spawn() wants results that can be default-constructed
    boost::asio::co_spawn(io, keep(std::move(work), result),
                          [&](std::exception_ptr error) { thrown = error; });
    io.run();
    if (thrown) {
        std::rethrow_exception(thrown);
    }
    return std::move(*result);
}

inline http::Response response(int status, std::string body)
{
    http::Response made;
    made.status = status;
    made.body = std::move(body);
    made.host = "provider.example";
    return made;
}

inline provider::MeetingRequest lesson()
{
    using namespace std::chrono;
    provider::MeetingRequest request;
    request.session_id = "42";
    request.tenant = "tenant";
    request.title = "Maths with Ann";
    request.starts_at = sys_days{year{2099} / December / 1} + hours{10};
    request.ends_at = request.starts_at + minutes{59} + seconds{1};
    return request;
}

/// A body of `levels` arrays, one in the other.
inline std::string nested(std::size_t levels)
{
    return "{\"error\":" + std::string(levels, '[') + std::string(levels, ']') + "}";
}

/// Bodies that break careless readers.
inline std::vector<std::string> hostile_bodies()
{
    return {"",
            "null",
            "[]",
            "{}",
            "\"text\"",
            "42",
            "{\"error\":",
            "<html><body>502 Bad Gateway</body></html>",
            "\xEF\xBB\xBF{}",
            std::string("\0\0\0", 3),
            "\xFF\xFE\xFD",
            nested(63),
            nested(10'000),
            std::string(10 * 1024 * 1024, 'x'),
            "{\"error\":[1,2,3]}",
            "{\"error\":{\"errors\":{},\"details\":7,\"message\":[],\"status\":{}}}",
            "{\"error\":{\"errors\":[null,1,\"x\",[],{\"reason\":5}]}}",
            "{\"error\":{\"code\":99999999999999999999999999,\"message\":\"\xC3\x28 broken "
            "\xE2\x80\"}}",
            "{\"code\":99999999999999999999999999,\"message\":12}",
            "{\"code\":\"124x\",\"message\":null,\"errors\":{\"a\":1}}",
            "{\"code\":1e308,\"errors\":[1,[],{}]}",
            "{\"code\":-124,\"message\":{}}",
            "{\"id\":[],\"status\":1,\"conferenceData\":[],\"hangoutLink\":{}}",
            "{\"id\":99999999999999999999,\"join_url\":1}",
            "{\"access_token\":7,\"expires_in\":{},\"refresh_token\":[]}",
            "{\"access_token\":\"a\\nb\"}"};
}

/// One clean line of at most 500 bytes.
inline bool storable(const std::string& detail)
{
    return !detail.empty() && detail.size() <= 500 &&
           detail.find_first_of("\r\n\t") == std::string::npos &&
           detail.find('\0') == std::string::npos;
}

}  // namespace meetlink::test
