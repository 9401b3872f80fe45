#include "claimer/claimer.hpp"

#include <algorithm>

#include "log/log.hpp"
#include "postgres/backoff.hpp"

namespace meetlink {

namespace asio = boost::asio;

namespace {

// Infinite times become null, and so invalid_schedule, instead of failing the whole claim. date_part() and not
// extract(), which computes in numeric.
constexpr postgres::Statement claim_statement{
    "claim",
    "select session_id, claim_id, attempt, generation, outcome_unknown, owner_id, provider, title, "
    "case when isfinite(starts_at) then floor(date_part('epoch', starts_at))::bigint end "
    "as starts_at, "
    "case when isfinite(ends_at) then floor(date_part('epoch', ends_at))::bigint end as ends_at, "
    "connection_found, connection_usable, access_token, refresh_token, "
    "case when isfinite(token_expires_at) then floor(date_part('epoch', token_expires_at))::bigint "
    "end as token_expires_at, connection_print, "
    "greatest(0, floor(date_part('epoch', clock_timestamp() - flagged_at) * 1000))::bigint as "
    "age_ms, floor(date_part('epoch', clock_timestamp()))::bigint as claimed_at "
    "from meetlink.claim($1, $2, $3::interval, $4::text[], to_timestamp($5))"};

/// Claims, those that have stalled included, in multiples of max_in_flight.
constexpr std::size_t most_of_all = 4;

/// How long a drained run waits for a provider's rate; a breaker that is open longer ends it.
constexpr std::chrono::seconds patience{2};
constexpr int attempts_of_a_drained_run = 5;

/// A claimer of a backlog looks from the start (meetlink.claim_jobs) after ten times as long as the last
/// look took, so that what has come due before is not left for long, nor every claim made as dear as that.
constexpr int rest_after_look = 10;
constexpr std::chrono::seconds longest_rest{2};

/// How long a little room waits for more.
constexpr std::chrono::milliseconds gather{5};

}  // namespace

Claimer::Claimer(asio::any_io_executor executor, postgres::Session& session,
                 const daemon::Registration& registration, limits::Limits& limits, Leases& leases,
                 Options options, Start start)
    : session_(session),
      registration_(registration),
      limits_(limits),
      leases_(leases),
      options_(options),
      start_(std::move(start)),
      changed_(executor)
{
    limits_.on_freed([this] { room_made(); });
}

void Claimer::ring()
{
    rung_ = true;
    changed_.notify_all();
}

void Claimer::room_made()
{
    start_ready();
    rung_ = rung_ || unfinished_;
    changed_.notify_all();
}

void Claimer::stop()
{
    stopped_ = true;
    start_ready();
    changed_.notify_all();
}

/// While more is due than can work, some jobs are claimed ahead, so that a place that is left is taken at once
/// and not after a statement. Not while some stall: theirs would keep others from being claimed.
std::size_t Claimer::claimable() const
{
    const bool flows = unfinished_ && limits_.stalled(Clock::now()) == 0;
    return options_.max_in_flight + (flows ? std::min(options_.max_in_flight / 4, 2 * batch) : 0);
}

std::size_t Claimer::working() const
{
    return leases_.working() - ready_.size();
}

/// Those claimed ahead for which there is a place now; all of them at the end, to be given back.
void Claimer::start_ready()
{
    while (!ready_.empty()) {
        const auto stalled = std::min(limits_.stalled(Clock::now()), working());
        if (!stopped_ && working() - stalled >= options_.max_in_flight) {
            return;
        }
        auto next = std::move(ready_.front());
        ready_.pop_front();
        start_(std::move(next.claim), std::move(next.lease));
    }
}

std::size_t Claimer::room() const
{
    if (leases_.size() >= most_of_all * options_.max_in_flight) {
        return 0;
    }
    // what has stalled costs memory only, and must not keep others waiting
    const auto stalled = limits_.stalled(Clock::now());
    const auto taken = leases_.working() - std::min(stalled, leases_.working());
    const auto all = leases_.size() - std::min(stalled, leases_.size());
    // what is being stored takes no room, as long as the database keeps up with it
    const auto most = claimable();
    const auto behind = all - std::min(most, all);
    return most - std::min(most, std::max(taken, behind));
}

/// Room that is worth a statement: while there is more than can be taken, jobs end one by one.
std::size_t Claimer::worthwhile() const
{
    return unfinished_ ? std::clamp<std::size_t>(options_.max_in_flight / 32, 1, batch) : 1;
}

asio::awaitable<void> Claimer::run()
{
    postgres::Backoff backoff{std::chrono::milliseconds{250}};
    while (co_await wait_for_work()) {
        rung_ = false;
        const auto taken = co_await claim();
        if (taken) {
            backoff.reset();
            continue;
        }
        rung_ = true;
        const auto until = Clock::now() + backoff.next();
        failed_ = options_.until_drained && backoff.attempts() >= attempts_of_a_drained_run;
        if (failed_) {
            co_return;
        }
        bool woken = true;
        while (!stopped_ && woken) {
            woken = co_await changed_.wait_until(until);
        }
    }
}

/// False: it is over.
asio::awaitable<bool> Claimer::wait_for_work()
{
    auto gathered = Clock::time_point::max();
    while (!stopped_) {
        const auto now = Clock::now();
        start_ready();
        if (rung_ && (room() >= worthwhile() || (room() > 0 && now >= gathered))) {
            const bool connected = co_await session_.until_connected();
            co_return connected && !stopped_;
        }
        gathered =
            rung_ && room() > 0 ? std::min(gathered, now + gather) : Clock::time_point::max();
        const auto change = unfinished_ ? limits_.next_change(now) : Clock::time_point::max();
        const auto stall =
            unfinished_ && room() == 0 ? limits_.next_stall(now) : Clock::time_point::max();
        const auto next = std::min({change, stall, gathered});
        if (options_.until_drained && leases_.size() == 0 && next > now + patience) {
            co_return false;
        }
        const bool woken = co_await changed_.wait_until(next);
        rung_ = rung_ || !woken;
    }
    co_return false;
}

/// Everything that may start now; then, where a breaker waits for a probe, one job for it.
asio::awaitable<Claimer::Taken> Claimer::claim()
{
    const auto skip = limits_.skip(Clock::now());
    const auto asked = std::min(room(), batch);
    if (asked == 0) {
        rung_ = true;  // it was taken while this waited for a connection
        co_return Taken{0};
    }
    const auto began = Clock::now();
    const bool from_start = !passed_ || began >= from_start_at_;
    auto taken = co_await take(asked, skip, from_start ? std::nullopt : passed_);
    if (!taken) {
        co_return taken;
    }
    if (from_start) {
        const auto ended = Clock::now();
        from_start_at_ =
            ended + std::min<Clock::duration>(rest_after_look * (ended - began), longest_rest);
    }
    const bool full = *taken == asked;
    backlog_ = full;
    unfinished_ = full || !from_start || !skip.empty();
    // Full once more, or what was passed by may be due by now: look again at once.
    rung_ = rung_ || full || !from_start;
    passed_ = full ? last_taken_ : std::nullopt;
    auto but_probes = limits_.skip_for_probe(Clock::now());
    if (but_probes && room() > 0 && !stopped_) {
        auto others = *but_probes;
        const auto failed = limits_.failed_probes();
        others.insert(others.end(), failed.begin(), failed.end());
        taken = co_await take(1, std::move(others), std::nullopt);
        if (taken && *taken == 0 && !failed.empty()) {
            limits_.forget_failed_probes();
            taken = co_await take(1, *std::move(but_probes), std::nullopt);
        }
    }
    co_return taken;
}

asio::awaitable<Claimer::Taken> Claimer::take(std::size_t max, std::vector<std::string> skip,
                                              Time after)
{
    std::vector<postgres::Parameter> parameters{
        std::to_string(registration_.daemon_id), std::to_string(max),
        postgres::interval(options_.lease), postgres::array_literal(skip),
        after ? std::to_string(after->time_since_epoch().count()) : "-infinity"};
    const auto until = Clock::now() + options_.lease;  // before the statement is sent: see Lease
    const auto answer = co_await session_.query(claim_statement, std::move(parameters));
    if (!answer) {
        log::warning("claim_failed", "could not claim jobs",
                     {{"error", answer.error().describe()}});
        co_return std::nullopt;
    }
    for (std::size_t row = 0; row < answer->size(); ++row) {
        auto claim = Claim::read((*answer)[row]);
        auto lease = leases_.add(claim.claim_id, until);
        last_taken_ = claim.starts_at;
        ready_.push_back({.claim = std::move(claim), .lease = std::move(lease)});
    }
    std::ranges::stable_sort(ready_, {}, [](const Ready& one) { return one.claim.starts_at; });
    start_ready();
    co_return answer->size();
}

}  // namespace meetlink
