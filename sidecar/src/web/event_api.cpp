#include "web/event_api.hpp"

#include <algorithm>

#include "web/answers.hpp"
#include "web/query.hpp"

namespace meetlink::web {

namespace asio = boost::asio;
using Clock = Condition::Clock;

namespace {

constexpr std::size_t most_sessions = 100;

/// A stream ends with the token that opened it.
Clock::time_point end_of(const Caller& caller)
{
    const auto longest = std::chrono::duration_cast<Clock::duration>(EventHub::longest);
    auto left = longest;
    if (caller.expires) {
        const auto of_token = *caller.expires - std::chrono::system_clock::now();
        left = std::min(longest, std::chrono::duration_cast<Clock::duration>(of_token));
    }
    return Clock::now() + left;
}

Answer streaming(std::shared_ptr<EventStream> stream)
{
    Answer answer{.content_type = "text/event-stream", .stream = std::move(stream)};
    answer.headers = {{"X-Accel-Buffering", "no"}};  // nginx would keep events back
    return answer;
}

}  // namespace

asio::awaitable<Answer> open_events(Gateway& gateway, EventHub& hub, Caller caller,
                                    const Request& request)
{
    if (request.message.method() == beast::http::verb::head) {
        co_return problem(405, "Method not allowed", "A stream has no length.");
    }
    const std::string target{request.message.target()};
    const auto parsed = Query::parse(target, {"session", "topic"}, "session");
    if (const auto* refusal = std::get_if<Answer>(&parsed)) {
        co_return *refusal;
    }
    const auto& query = std::get<Query>(parsed);
    auto ids = query.texts("session");
    const auto topic = query.text("topic");
    if (ids.size() > most_sessions || ids.empty() == !topic || (topic && *topic != "console")) {
        co_return bad_parameter("Either topic=console, or session, at most 100 times.");
    }
    if (hub.full()) {
        co_return unavailable("Too many event streams are open already.");
    }
    auto last_event_id = request.header("Last-Event-ID");
    const auto ends = end_of(caller);
    std::shared_ptr<EventStream> stream;
    if (topic) {
        auto asked = co_await gateway.may_do_anything(std::move(caller));
        if (auto* refusal = std::get_if<Answer>(&asked)) {
            co_return std::move(*refusal);
        }
        if (!std::get<bool>(asked)) {
            co_return forbidden("Forbidden", "Only operators may do this.");
        }
        stream = co_await hub.watch_console(std::move(last_event_id), ends);
    } else {
        auto asked = co_await gateway.visible(std::move(caller), std::move(ids));
        if (auto* refusal = std::get_if<Answer>(&asked)) {
            co_return std::move(*refusal);
        }
        auto visible = std::get<std::vector<std::string>>(std::move(asked));
        stream = co_await hub.watch_sessions(std::move(visible), std::move(last_event_id), ends);
    }
    if (!stream) {
        co_return unavailable("The database cannot be asked now.");
    }
    co_return streaming(std::move(stream));
}

}  // namespace meetlink::web
