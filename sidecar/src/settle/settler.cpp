#include "settle/settler.hpp"

#include <algorithm>

#include "base/json_writer.hpp"
#include "log/log.hpp"

namespace meetlink::settle {

namespace asio = boost::asio;
using Clock = Condition::Clock;

namespace {

constexpr postgres::Statement settle_statement{
    "settle",
    "select claim_id, verdict, detail, floor(extract(epoch from starts_at))::bigint as starts_at, "
    "floor(extract(epoch from ends_at))::bigint as ends_at from meetlink.settle($1, $2::jsonb)"};

/// A statement that fails this often because of one outcome will not succeed by repetition.
constexpr int refusals_to_give_up = 5;

}  // namespace

Settler::Settler(asio::any_io_executor executor, postgres::Session& session,
                 const daemon::Registration& registration)
    : executor_(executor), session_(session), registration_(registration), arrived_(executor)
{
}

asio::awaitable<Settlement> Settler::settle(const Outcome& outcome)
{
    auto entry = std::make_shared<Entry>(outcome, executor_);
    waiting_.push_back(entry);
    arrived_.notify_all();
    while (!entry->answer) {
        co_await entry->answered.wait();
    }
    co_return std::move(*entry->answer);
}

asio::awaitable<void> Settler::run()
{
    while (!stopped_ || !waiting_.empty()) {
        if (waiting_.empty()) {
            co_await arrived_.wait();
            continue;
        }
        auto entries = co_await next_batch();
        if (!entries.empty()) {
            crowded_ = entries.size() > 1;
            co_await send(std::move(entries));
            answered_at_ = Clock::now();
        }
    }
}

void Settler::stop()
{
    stopped_ = true;
    arrived_.notify_all();
}

/// What is ready to go. One that comes alone goes at once; right after a batch of several, others will follow.
asio::awaitable<Settler::Batch> Settler::next_batch()
{
    auto next = Clock::time_point::max();
    for (const auto& entry : waiting_) {
        next = std::min(next, entry->not_before);
    }
    if (next > Clock::now()) {
        co_await arrived_.wait_until(next);
    }
    const auto until = Clock::now() + gather;
    bool more = crowded_ && Clock::now() < answered_at_ + 2 * gather;
    while (waiting_.size() < batch && more) {
        more = co_await arrived_.wait_until(until);
    }
    Batch ready;
    const auto now = Clock::now();
    std::size_t without_link = 0;
    std::erase_if(waiting_, [&](const auto& entry) {
        const bool link = std::holds_alternative<provider::Meeting>(entry->outcome.result);
        if (entry->not_before > now || ready.size() == batch ||
            (!link && without_link == most_without_link)) {
            return false;
        }
        without_link += link ? 0 : 1;
        ready.push_back(entry);
        return true;
    });
    co_return ready;
}

asio::awaitable<void> Settler::send(Batch entries)
{
    JsonWriter outcomes;
    outcomes.begin_array();
    for (const auto& entry : entries) {
        write(outcomes, entry->outcome);
    }
    outcomes.end_array();
    std::vector<postgres::Parameter> parameters{std::to_string(registration_.daemon_id),
                                                outcomes.take()};
    const auto answer =
        co_await session_.query_until_answered(settle_statement, std::move(parameters));
    if (answer) {
        take_verdicts(*answer, entries);
    } else if (answer.error().connection_lost) {
        for (const auto& entry : entries) {
            entry->tell({.verdict = Verdict::unknown});  // the session was stopped for good
        }
    } else {
        co_await isolate(std::move(entries), answer.error());
    }
}

void Settler::take_verdicts(const postgres::Rows& rows, const Batch& sent)
{
    std::unordered_map<std::int64_t, std::size_t> row_of;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        row_of[rows[row].get<std::int64_t>("claim_id")] = row;
    }
    for (const auto& entry : sent) {
        const auto found = row_of.find(entry->outcome.claim_id);
        if (found == row_of.end()) {
            entry->tell({.verdict = Verdict::lost});
            continue;
        }
        using Text = std::optional<std::string>;
        using Time = std::optional<std::chrono::sys_seconds>;
        const auto row = rows[found->second];
        const auto verdict = row.get<std::string>("verdict");
        if (verdict == "busy") {
            entry->not_before = Clock::now() + busy_again;
            waiting_.push_back(entry);
        } else if (verdict == "rejected") {
            entry->tell(
                {.verdict = Verdict::rejected, .detail = row.get<Text>("detail").value_or("")});
        } else if (verdict == "moved") {
            entry->tell({.verdict = Verdict::moved,
                         .starts_at = row.get<Time>("starts_at"),
                         .ends_at = row.get<Time>("ends_at")});
        } else {
            entry->tell({.verdict = verdict == "done" ? Verdict::done : Verdict::lost});
        }
    }
}

/// The statement failed as a whole: alone, an outcome that cannot be written holds up only itself.
asio::awaitable<void> Settler::isolate(Batch entries, postgres::Error error)
{
    if (entries.size() > 1) {
        log::warning("settle_failed", "could not write a batch of outcomes, going one by one",
                     {{"outcomes", entries.size()}, {"error", error.describe()}});
        for (const auto& entry : entries) {
            Batch alone{entry};
            co_await send(std::move(alone));
        }
        co_return;
    }
    const auto& entry = entries.front();
    log::error("settle_failed", "could not write an outcome",
               {{"session", entry->outcome.session_id},
                {"claim", entry->outcome.claim_id},
                {"error", error.describe()},
                {"attempt", entry->refusals + 1}});
    if (++entry->refusals >= refusals_to_give_up) {
        entry->tell({.verdict = Verdict::unknown});
    } else {
        entry->not_before = Clock::now() + (1 << entry->refusals) * std::chrono::milliseconds{100};
        waiting_.push_back(entry);
    }
}

}  // namespace meetlink::settle
