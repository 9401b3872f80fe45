#include "job/job.hpp"

#include <boost/asio/this_coro.hpp>
#include <exception>

#include "base/what.hpp"
#include "job/check.hpp"
#include "job/report.hpp"
#include "log/log.hpp"

namespace meetlink::job {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

namespace {

provider::MeetingRequest meeting_request(const Claim& claim, const settle::Outcome& so_far,
                                         const std::string& tenant)
{
    return {.session_id = claim.session_id,
            .tenant = tenant,
            .title = claim.title.value_or("Session"),
            .starts_at = *so_far.starts_at,
            .ends_at = *so_far.ends_at,
            .generation = so_far.generation,
            .may_exist = so_far.outcome_unknown,
            .now = claim.claimed_at};
}

std::chrono::milliseconds since(Clock::time_point start)
{
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
}

/// The provider was asked, so its breaker learns from the failure.
bool from_the_provider(const Failure& failure)
{
    return failure.http_status > 0 || limits::concerns_the_provider(failure.reason);
}

/// How often one attempt follows a session that is moved again and again.
constexpr int max_moves = 3;

/// There is a meeting, but no link: for whoever reads the log and the metrics the attempt failed.
Failure rejected_by_the_table(std::string detail)
{
    Failure failure;
    failure.reason = Reason::write_rejected;
    failure.stage = Stage::settle;
    failure.detail = std::move(detail);
    return failure;
}

}  // namespace

/// The life of a job. `outcome` is kept true at every wait, because a wait may be the last: the claim
/// can be lost, and the daemon can be stopped.
asio::awaitable<void> Runner::make_link(const Claim& claim, const Lease& lease,
                                        settle::Outcome& outcome)
{
    const auto began = Clock::now();
    auto* const provider = stages_.providers(claim.provider.value_or(""));
    if (auto problem = cannot_start(claim, provider, claim.claimed_at)) {
        outcome.result = std::move(*problem);
        co_return;
    }
    const token::ConnectionKey key{.owner_id = *claim.owner_id, .provider = *claim.provider};

    auto permit = co_await stages_.limits.enter(key);
    if (!permit) {
        co_return;  // untouched: the provider pauses, or the daemon stops
    }

    auto access = co_await stages_.tokens.usable(key, claim.connection);
    outcome.token_took = since(began);
    bool refreshed = access && access->just_refreshed;
    for (;;) {
        if (!access) {
            outcome.result = access.failure();
            if (from_the_provider(access.failure())) {
                permit->failed(access.failure());
            }
            co_return;
        }
        outcome.connection_print = access->from.print;
        if (!lease.holds(Clock::now())) {
            co_return;
        }

        auto request = meeting_request(claim, outcome, stages_.registration.tenant);
        const bool unknown_before = outcome.outcome_unknown;
        outcome.outcome_unknown = true;  // until there is an answer
        ++outcome.writes;                // likewise: at least one, should this be interrupted
        auto made = co_await provider->create(std::move(request), access->token);
        outcome.generation = made.generation;
        outcome.timings = made.timings;
        outcome.writes += made.writes - 1;
        if (made.result) {
            permit->succeeded();
            outcome.outcome_unknown = unknown_before;
            outcome.result = std::move(*made.result);
            co_return;
        }

        auto& failure = made.result.failure();
        // having looked settles nothing: an earlier create may be carried out after the look
        outcome.outcome_unknown = unknown_before || failure.outcome_unknown;
        if (failure.refresh_may_help && !refreshed) {
            refreshed = true;
            access = co_await stages_.tokens.replace(key, *access);
            continue;
        }
        if (failure.refresh_may_help && failure.reason != Reason::answer_unreadable) {
            failure.reason = Reason::token_rejected;
        }
        permit->failed(failure);
        outcome.result = failure;
        if (token::ends_the_grant(failure.reason)) {
            co_await stages_.tokens.grant_is_dead(key, *access, failure);
        }
        co_return;
    }
}

/// The session was moved while its meeting was being made: the meeting is moved too, before anybody sees
/// the link. If that fails the link is stored all the same, since people wait for it, and it works at any
/// time.
asio::awaitable<void> Runner::follow(const Claim& claim, const Lease& lease,
                                     settle::Outcome& outcome)
{
    if (!lease.holds(Clock::now()) || stages_.limits.closed()) {
        // the next attempt finds the meeting, and moves it
        outcome.result = settle::Released{};
        outcome.outcome_unknown = true;
        co_return;
    }
    const auto problem = co_await reschedule(claim, outcome);
    if (problem) {
        outcome.note = "the session was moved meanwhile, but its meeting could not be: " +
                       std::string{code(problem->reason)} + ": " + problem->detail;
        log::warning("meeting_not_moved", "a session was moved, but its meeting could not be",
                     {{"session", claim.session_id},
                      {"provider", *claim.provider},
                      {"reason", code(problem->reason)},
                      {"http_status", problem->http_status},
                      {"detail", problem->detail}});
    } else {
        outcome.note = "the session was moved meanwhile, and its meeting with it";
    }
}

/// Nothing: it is done.
asio::awaitable<std::optional<Failure>> Runner::reschedule(const Claim& claim,
                                                           settle::Outcome& outcome)
{
    const token::ConnectionKey key{.owner_id = *claim.owner_id, .provider = *claim.provider};
    auto permit = co_await stages_.limits.enter(key);
    if (!permit) {
        Failure paused;
        paused.reason = Reason::provider_unavailable;
        paused.detail = "no calls are made to the provider for now";
        co_return paused;
    }
    const auto access = co_await stages_.tokens.usable(key, claim.connection);
    if (!access) {
        co_return access.failure();
    }
    auto request = meeting_request(claim, outcome, stages_.registration.tenant);
    auto meeting = std::get<provider::Meeting>(outcome.result).external_id;
    ++outcome.writes;
    auto* const provider = stages_.providers(*claim.provider);
    const auto done =
        co_await provider->reschedule(std::move(request), std::move(meeting), access->token);
    if (!done) {
        permit->failed(done.failure());
        co_return done.failure();
    }
    permit->succeeded();
    co_return std::nullopt;
}

asio::awaitable<void> Runner::run(Claim claim, std::shared_ptr<Lease> lease)
{
    const auto began = Clock::now();
    settle::Outcome outcome{.session_id = claim.session_id,
                            .claim_id = claim.claim_id,
                            .owner_id = claim.owner_id.value_or(""),
                            .provider = claim.provider.value_or(""),
                            .starts_at = claim.starts_at,
                            .ends_at = claim.ends_at,
                            .result = settle::Released{},
                            .generation = claim.generation,
                            .outcome_unknown = claim.outcome_unknown,
                            .connection_print = claim.connection.print};
    std::exception_ptr thrown;
    try {
        co_await make_link(claim, *lease, outcome);
    } catch (...) {
        thrown = std::current_exception();
    }
    // from here on nothing interrupts: what happened must be told
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    if (thrown && !interrupted(thrown)) {
        outcome.result = defect(claim, what(thrown));
    }
    outcome.took = since(began);

    stages_.leases.settle(claim.claim_id);
    on_room_();
    // also when the claim is lost: a create that was under way may have made a meeting for nobody
    auto settled = co_await stages_.settler.settle(outcome);
    for (int moves = 0; settled.verdict == settle::Verdict::moved; ++moves) {
        outcome.starts_at = settled.starts_at;
        outcome.ends_at = settled.ends_at;
        if (moves < max_moves) {
            co_await follow(claim, *lease, outcome);
        } else {
            outcome.ends_at.reset();
        }
        outcome.took = since(began);
        settled = co_await stages_.settler.settle(outcome);
    }
    if (settled.verdict == settle::Verdict::rejected) {
        outcome.result = rejected_by_the_table(std::move(settled.detail));
    }
    report(claim, outcome, settled.verdict);
    if (on_settled_) {
        on_settled_(claim, outcome, settled.verdict);
    }
    stages_.leases.remove(claim.claim_id);
    on_room_();
}

Runner::Runner(asio::any_io_executor executor, Stages stages)
    : stages_(std::move(stages)), jobs_(executor)
{
}

void Runner::start(Claim claim, std::shared_ptr<Lease> lease)
{
    auto signal = lease->cancellation();
    jobs_.spawn("job", run(std::move(claim), std::move(lease)), std::move(signal));
}

void Runner::release_all()
{
    stages_.leases.interrupt_all();
}

}  // namespace meetlink::job
