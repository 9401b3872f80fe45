#include "web/session_api.hpp"

#include <algorithm>
#include <charconv>

#include "base/json.hpp"
#include "web/answers.hpp"
#include "web/query.hpp"

namespace meetlink::web {

namespace asio = boost::asio;

namespace {

constexpr int usual_page = 50;
constexpr int longest_page = 200;

Answer no_session()
{
    return problem(404, "Session not found", "There is no such session, or it is not yours.");
}

/// At most so many digits are a time that both sides can hold.
constexpr std::size_t longest_time = 17;

bool is_time(std::string_view text)
{
    const auto digits = text.starts_with('-') ? text.substr(1) : text;
    return !digits.empty() && digits.size() <= longest_time &&
           digits.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Reads what meetlink.session_page wrote: "<phase> <parting time> <start> <id>".
std::optional<Gateway::Place> parse_cursor(std::string_view text)
{
    const auto word = [&text] {
        const auto end = std::min(text.find(' '), text.size());
        const auto one = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        return std::string{one};
    };
    Gateway::Place place;
    place.phase = word();
    place.at_us = word();
    place.start_us = word();
    place.id = std::string{text};
    if ((place.phase != "0" && place.phase != "1") || !is_time(place.at_us) ||
        !is_time(*place.start_us) || place.id->empty()) {
        return std::nullopt;
    }
    return place;
}

Gateway::Place beginning()
{
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    return {.phase = "0", .at_us = std::to_string(us)};
}

}  // namespace

asio::awaitable<Answer> me(Gateway& gateway, Caller caller, const Request& /*request*/)
{
    const auto subject = caller.subject;
    const auto role = caller.role;
    const auto asked = co_await gateway.may_do_anything(std::move(caller));
    if (const auto* refusal = std::get_if<Answer>(&asked)) {
        co_return *refusal;
    }
    Json::Value body{Json::objectValue};
    body["subject"] = subject.empty() ? Json::Value{Json::nullValue} : Json::Value{subject};
    body["role"] = role;
    body["operator"] = std::get<bool>(asked);
    Answer answer{.body = write_json(body)};
    co_return answer;
}

asio::awaitable<Answer> sessions(Gateway& gateway, Caller caller, const Request& request)
{
    const std::string target{request.message.target()};
    const auto parsed = Query::parse(target, {"limit", "after"});
    if (const auto* refusal = std::get_if<Answer>(&parsed)) {
        co_return *refusal;
    }
    const auto& query = std::get<Query>(parsed);
    const auto limit = query.count("limit", usual_page, longest_page);
    if (!limit) {
        co_return bad_parameter("The parameter limit is a whole number from 1 to 200.");
    }
    const auto after = query.text("after");
    auto place = after ? parse_cursor(*after) : beginning();
    if (!place) {
        co_return bad_parameter("The parameter after is not the next of an earlier page.");
    }
    co_return co_await gateway.sessions(std::move(caller), *limit, *std::move(place));
}

asio::awaitable<Answer> session(Gateway& gateway, Caller caller, const Request& request)
{
    const auto path = request.path();
    auto id = segment_after(path, "/api/sessions/");
    if (!id) {
        co_return no_session();
    }
    auto found = co_await gateway.session(std::move(caller), *std::move(id));
    if (const auto* refusal = std::get_if<Answer>(&found)) {
        co_return *refusal;
    }
    const auto& body = std::get<std::optional<std::string>>(found);
    if (!body) {
        co_return no_session();
    }
    Answer answer{.body = *body};
    co_return answer;
}

}  // namespace meetlink::web
