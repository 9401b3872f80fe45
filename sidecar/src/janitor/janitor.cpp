#include "janitor/janitor.hpp"

#include <algorithm>
#include <utility>

#include "log/log.hpp"

namespace meetlink {

namespace asio = boost::asio;

namespace {

constexpr postgres::Statement housekeep_statement{
    "housekeep",
    "select known, due, orphans, promoted, rescued, "
    "ceil(extract(epoch from next_due_in) * 1000)::bigint as next_due_in_ms, version "
    "from meetlink.housekeep($1, $2, $3, $4::interval, $5::jsonb)"};

constexpr postgres::Statement sweep_statement{
    "sweep", "select flagged, retired, moved, unblocked, differences from meetlink.sweep($1, $2)"};

constexpr postgres::Statement renew_statement{
    "renew", "select r as claim_id from meetlink.renew($1, $2::bigint[], $3::interval) r"};

constexpr int sweep_rows = 1000;

/// A sweep of a large table takes seconds: this many times as long it rests, so that it costs 2 % of a core at most,
/// but not so long that meetlink.swept() forgets it.
constexpr int rest_after_sweep = 50;
constexpr std::chrono::minutes longest_rest_after_sweep{30};

/// A sweep reads whole tables: it lets a backlog pass first, looking this often whether it is over, for one sweep
/// interval at most.
constexpr std::chrono::milliseconds give_way{250};

/// A daemon that gave no sign of life for 30 s counts as dead (sql/63_retry.sql, meetlink.daemon_alive).
constexpr std::chrono::milliseconds longest_silence{10'000};

/// A promotion happens this much later than computed: never too early, and never in a tight loop.
constexpr std::chrono::milliseconds grain{20};

}  // namespace

Janitor::Janitor(asio::any_io_executor executor, postgres::Session& work, postgres::Session& settle,
                 postgres::Session& upkeep, const daemon::Registration& registration,
                 Leases& leases, Listener& listener, Options options, Callbacks callbacks)
    : work_(work),
      settle_(settle),
      upkeep_(upkeep),
      registration_(registration),
      leases_(leases),
      listener_(listener),
      options_(options),
      callbacks_(std::move(callbacks)),
      stopping_(executor),
      rhythms_(executor)
{
}

asio::awaitable<void> Janitor::run()
{
    rhythms_.spawn("housekeeping", keep_house());
    rhythms_.spawn("sweep", keep_sweeping());
    rhythms_.spawn("lease renewal", keep_leases());
    rhythms_.spawn("lease watch", watch_leases());
    if (callbacks_.refresh_ahead) {
        rhythms_.spawn("refresh ahead", keep_refreshing());
    }
    co_await rhythms_.joined();
}

void Janitor::stop()
{
    stopped_ = true;
    if (apart_) {
        apart_->close("the daemon stops");
    }
    stopping_.notify_all();
}

void Janitor::warn(std::string_view event, std::string_view message,
                   const postgres::Error& error) const
{
    if (!stopped_) {
        log::warning(event, message, {{"error", error.describe()}});
    }
}

/// False: it is over.
asio::awaitable<bool> Janitor::wait_until(Clock::time_point time)
{
    bool woken = true;
    while (!stopped_ && woken) {
        woken = co_await stopping_.wait_until(time);
    }
    co_return !stopped_;
}

asio::awaitable<void> Janitor::keep_house()
{
    auto next = Clock::now();
    while (co_await wait_until(std::min(next, next_due_))) {
        next = Clock::now() + std::min(options_.poll_interval, longest_silence);
        next_due_ = Clock::time_point::max();
        // where there is room for one connection only nothing is heard, and this alone finds what is due
        const bool connected = co_await upkeep_.self_or_first().until_connected(next);
        if (connected) {
            co_await housekeep();
        }
    }
}

asio::awaitable<std::optional<postgres::Error>> Janitor::housekeep()
{
    const auto heard = listener_.heard_ago();
    std::vector<postgres::Parameter> parameters{
        std::to_string(registration_.daemon_id), std::to_string(leases_.size()),
        listener_.next_probe(registration_.daemon_id),
        heard ? postgres::Parameter{postgres::interval(*heard)} : std::nullopt,
        callbacks_.breakers()};
    const auto answer =
        co_await upkeep_.self_or_first().query(housekeep_statement, std::move(parameters));
    if (!answer) {
        warn("housekeeping_failed", "could not do the housekeeping", answer.error());
        co_return answer.error();
    }
    const auto row = answer->only();
    if (const auto wait = row.get<std::optional<std::int64_t>>("next_due_in_ms")) {
        next_due_ = Clock::now() + std::chrono::milliseconds{*wait} + grain;
    }
    if (const int rescued = row.get<int>("rescued"); rescued > 0) {
        log::warning("claims_rescued", "took back claims of a daemon that stopped answering",
                     {{"claims", rescued}});
    }
    callbacks_.extension_is(row.get<std::optional<std::string>>("version").value_or(""));
    if (!row.get<bool>("known")) {
        co_await callbacks_.register_again();
    }
    if (row.get<bool>("due")) {
        ++found_work_;
        callbacks_.ring();
    }
    if (row.get<bool>("orphans") && callbacks_.cancel_orphans && work_.connected()) {
        co_await callbacks_.cancel_orphans();
    }
    co_return std::nullopt;
}

asio::awaitable<void> Janitor::keep_sweeping()
{
    auto next = Clock::now();
    auto latest = next + options_.sweep_interval;
    while (co_await wait_until(next)) {
        if (callbacks_.backlog() && Clock::now() < latest) {
            next = Clock::now() + give_way;
            continue;
        }
        next = Clock::now() + options_.sweep_interval;
        const bool fits = co_await work_.until_connected();
        const bool connected = co_await upkeep_.until_connected();
        if (fits && connected) {
            co_await sweep();
            next = Clock::now() + std::clamp<Clock::duration>(
                                      rest_after_sweep * sweep_took_, options_.sweep_interval,
                                      std::max<Clock::duration>(longest_rest_after_sweep,
                                                                options_.sweep_interval));
        }
        latest = next + options_.sweep_interval;
    }
}

asio::awaitable<std::optional<postgres::Error>> Janitor::sweep()
{
    auto connected = co_await callbacks_.connect();
    if (connected) {
        apart_ = *std::move(connected);
    } else {
        warn("sweep_not_apart", "no connection for the sweep alone, so that tokens wait for it",
             connected.error());
    }
    auto error = co_await sweep_until_done();
    if (apart_) {
        std::exchange(apart_, nullptr)->close("the sweep is over");
    }
    co_return error;
}

/// Where there is room for no more connections, through upkeep's.
asio::awaitable<postgres::Answer> Janitor::query_apart(postgres::Statement statement,
                                                       std::vector<postgres::Parameter> parameters)
{
    const auto connection = apart_;  // keeps it alive while waiting
    if (connection) {
        co_return co_await connection->query(statement, std::move(parameters));
    }
    co_return co_await upkeep_.query(statement, std::move(parameters));
}

asio::awaitable<std::optional<postgres::Error>> Janitor::sweep_until_done()
{
    for (bool more = true; more && !stopped_;) {
        std::vector<postgres::Parameter> parameters{std::to_string(sweep_rows),
                                                    std::to_string(registration_.daemon_id)};
        const auto began = Clock::now();
        const auto answer = co_await query_apart(sweep_statement, std::move(parameters));
        sweep_took_ = Clock::now() - began;
        if (!answer) {
            warn("sweep_failed", "could not sweep for unflagged sessions", answer.error());
            co_return answer.error();
        }
        const auto row = answer->only();
        const auto flagged = row.get<int>("flagged");
        const auto retired = row.get<int>("retired");
        const auto moved = row.get<int>("moved");
        const auto unblocked = row.get<int>("unblocked");
        const auto changed = flagged + retired + moved + unblocked;
        more = changed > 0 && row.get<int>("differences") >= sweep_rows;
        if (changed > 0) {
            log::info("swept", "put right what no trigger saw",
                      {{"flagged", flagged},
                       {"retired", retired},
                       {"moved", moved},
                       {"unblocked", unblocked}});
            callbacks_.ring();
        }
    }
    co_return std::nullopt;
}

asio::awaitable<void> Janitor::keep_refreshing()
{
    auto next = Clock::now();
    while (co_await wait_until(next)) {
        next = Clock::now() + options_.refresh_interval;
        const bool fits = co_await work_.until_connected();
        const bool connected = co_await upkeep_.until_connected();
        if (fits && connected) {
            co_await callbacks_.refresh_ahead();
        }
    }
}

asio::awaitable<void> Janitor::keep_leases()
{
    while (co_await wait_until(Clock::now() + options_.lease / 3)) {
        const auto asked = leases_.ids();
        if (asked.empty()) {
            continue;
        }
        std::vector<postgres::Parameter> parameters{std::to_string(registration_.daemon_id),
                                                    postgres::array_literal(asked),
                                                    postgres::interval(options_.lease)};
        const auto until = Clock::now() + options_.lease;  // before it is sent: see Lease
        const auto answer =
            co_await settle_.self_or_first().query(renew_statement, std::move(parameters));
        if (!answer) {
            warn("renewal_failed", "could not renew the leases of claims", answer.error());
            continue;
        }
        std::vector<std::int64_t> kept;
        for (std::size_t row = 0; row < answer->size(); ++row) {
            kept.push_back((*answer)[row].get<std::int64_t>("claim_id"));
        }
        if (const auto lost = leases_.renewed(asked, kept, until); lost > 0) {
            log::warning("claims_lost", "claims were taken away", {{"claims", lost}});
        }
    }
}

/// A renewal may hang with its connection; a lease that is over ends its job all the same.
asio::awaitable<void> Janitor::watch_leases()
{
    while (co_await wait_until(Clock::now() + std::chrono::seconds{1})) {
        if (const auto lost = leases_.expire(Clock::now()); lost > 0) {
            log::warning("claims_lost", "claims could not be renewed in time", {{"claims", lost}});
        }
    }
}

}  // namespace meetlink
