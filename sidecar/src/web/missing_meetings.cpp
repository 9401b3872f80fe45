#include "web/missing_meetings.hpp"

#include <algorithm>

#include "base/json.hpp"

namespace meetlink::web {

namespace asio = boost::asio;
using Clock = Condition::Clock;

namespace {

/// Sessions asked about in one statement; they are worked on in this order, too.
constexpr std::size_t batch = 1000;
/// Errors told one by one; the count has them all.
constexpr unsigned most_errors = 1000;
constexpr std::chrono::milliseconds first_pause{50};
constexpr std::chrono::milliseconds longest_pause{500};

struct Tally {
    std::size_t total = 0;
    std::size_t success = 0;
    std::size_t failed = 0;
    Json::Value errors{Json::arrayValue};

    void add(const std::string& session_id, const std::string& error)
    {
        if (error.empty()) {
            ++success;
            return;
        }
        ++failed;
        if (errors.size() < most_errors) {
            Json::Value one{Json::objectValue};
            one["session_id"] = session_id;
            one["error"] = error;
            errors.append(std::move(one));
        }
    }

    [[nodiscard]] Answer answer(int status, const std::string& message) const
    {
        Json::Value body{Json::objectValue};
        body["message"] = message;
        body["total"] = static_cast<Json::UInt64>(total);
        body["success"] = static_cast<Json::UInt64>(success);
        body["failed"] = static_cast<Json::UInt64>(failed);
        body["errors"] = errors;
        return {.status = status, .body = write_json(body)};
    }
};

}  // namespace

asio::awaitable<Answer> create_missing_meetings(Gateway& gateway, Caller caller,
                                                Condition& stopping)
{
    const auto deadline = Clock::now() + Gateway::wait;
    auto asked = co_await gateway.request_missing(std::move(caller));
    if (const auto* refusal = std::get_if<Answer>(&asked)) {
        co_return *refusal;
    }
    auto& missing = std::get<Gateway::Missing>(asked);
    auto& open = missing.session_ids;
    Tally tally{.total = open.size()};
    if (open.empty()) {
        co_return tally.answer(200, "No session lacks a meeting link");
    }
    if (!missing.daemon) {
        co_return tally.answer(
            202, "The sessions are queued, but no meetlink daemon is running to work on them");
    }

    auto pause = first_pause;
    bool waiting = true;
    while (!open.empty() && waiting) {
        const bool stopped = co_await stopping.wait_for(pause);
        pause = std::min(pause * 3 / 2, longest_pause);
        waiting = !stopped && Clock::now() < deadline;
        std::vector<std::string> some{
            open.begin(), open.begin() + static_cast<std::ptrdiff_t>(std::min(open.size(), batch))};
        const auto settled = co_await gateway.outcomes(std::move(some), missing.seen);
        const auto* outcomes = std::get_if<Gateway::Outcomes>(&settled);
        if (outcomes == nullptr) {
            break;  // the request is committed: what is known so far is an answer
        }
        for (const auto& [session_id, error] : *outcomes) {
            tally.add(session_id, error);
        }
        std::erase_if(open, [&](const auto& id) { return outcomes->contains(id); });
    }
    const auto counts = std::to_string(tally.success) + " of " + std::to_string(tally.total) +
                        " meeting links created";
    co_return open.empty() ? tally.answer(200, counts)
                           : tally.answer(202, counts + " so far, the others are being made");
}

}  // namespace meetlink::web
