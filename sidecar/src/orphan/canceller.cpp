#include "orphan/canceller.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "log/log.hpp"

namespace meetlink::orphan {

namespace asio = boost::asio;

namespace {

constexpr postgres::Statement claim_statement{
    "claim_orphans",
    "select orphan_id, fence, session_id, owner_id, provider, "
    "case when isfinite(starts_at) then floor(extract(epoch from starts_at))::bigint end "
    "as starts_at, generation, external_id, connection_found, connection_usable, access_token, "
    "refresh_token, case when isfinite(token_expires_at) then "
    "floor(extract(epoch from token_expires_at))::bigint end as token_expires_at, "
    "connection_print, "
    "floor(extract(epoch from clock_timestamp()))::bigint as claimed_at "
    "from meetlink.claim_orphans($1, $2::interval, $3::text[])"};

constexpr postgres::Statement may_statement{"may_cancel",
                                            "select meetlink.may_cancel($1, $2, $3, $4) as answer"};

constexpr postgres::Statement settle_statement{
    "settle_orphan",
    "select meetlink.settle_orphan($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::interval)"};

Failure refused(Reason reason, std::string detail)
{
    Failure failure;
    failure.reason = reason;
    failure.stage = Stage::settle;
    failure.detail = std::move(detail);
    return failure;
}

std::optional<Failure> cannot_start(const Orphan& orphan, const provider::Provider* provider)
{
    if (provider == nullptr) {
        return refused(Reason::unknown_provider, "the provider is " + orphan.key.provider);
    }
    if (!provider->configured()) {
        return refused(Reason::provider_not_configured,
                       "client_id or client_secret is not set for " + orphan.key.provider);
    }
    if (!orphan.connection.found) {
        return refused(Reason::no_connection,
                       "the owner has no connection for " + orphan.key.provider);
    }
    if (!orphan.connection.usable) {
        return refused(Reason::connection_inactive, "the connection is not active and connected");
    }
    return std::nullopt;
}

}  // namespace

Canceller::Canceller(asio::any_io_executor executor, Stages stages,
                     std::chrono::milliseconds http_timeout)
    : stages_(std::move(stages)), http_timeout_(http_timeout), working_(executor)
{
}

asio::awaitable<void> Canceller::turn()
{
    co_await take(at_once, stages_.limits.skip(Clock::now()));
    // jobs that would probe a provider there may be none
    if (const auto but_probes = stages_.limits.skip_for_probe(Clock::now())) {
        co_await take(1, *but_probes);
    }
}

asio::awaitable<void> Canceller::take(std::size_t max, std::vector<std::string> skip)
{
    if (stopped_ || working_.size() >= at_once) {
        co_return;
    }
    std::vector<postgres::Parameter> parameters{
        std::to_string(std::min(max, at_once - working_.size())), postgres::interval(lease),
        postgres::array_literal(skip)};
    const auto until = Clock::now() + lease;  // before it is sent: see Lease
    const auto answer = co_await stages_.session.query(claim_statement, std::move(parameters));
    if (!answer) {
        log::warning("orphans_failed", "could not look for meetings that nobody wants",
                     {{"error", answer.error().describe()}});
        co_return;
    }
    for (std::size_t row = 0; row < answer->size(); ++row) {
        working_.spawn("orphan", run(Orphan::read((*answer)[row]), until));
    }
}

asio::awaitable<void> Canceller::run(Orphan orphan, Clock::time_point until)
{
    auto report = co_await work_on(orphan, until);
    co_await settle(orphan, std::move(report));
}

asio::awaitable<Canceller::Report> Canceller::work_on(const Orphan& orphan, Clock::time_point until)
{
    auto* const provider = stages_.providers(orphan.key.provider);
    if (auto problem = cannot_start(orphan, provider)) {
        co_return Report{.outcome = "failed", .failure = std::move(problem)};
    }
    auto permit = co_await stages_.limits.enter(orphan.key);
    if (!permit) {
        co_return Report{.outcome = "postponed"};
    }
    auto access = co_await stages_.tokens.usable(orphan.key, orphan.connection);
    for (bool refreshed = access && access->just_refreshed;;) {
        if (!access) {
            if (limits::concerns_the_provider(access.failure().reason)) {
                permit->failed(access.failure());
            }
            co_return Report{.outcome = "failed", .failure = access.failure()};
        }
        auto report = co_await cancel(orphan, *provider, access->token, until);
        if (!report.failure) {
            permit->succeeded();
            co_return report;
        }
        if (!report.failure->refresh_may_help || refreshed) {
            permit->failed(*report.failure);
            co_return report;
        }
        refreshed = true;
        access = co_await stages_.tokens.replace(orphan.key, *access);
    }
}

/// The meeting, or every meeting with the session's mark that no session uses.
asio::awaitable<Canceller::Report> Canceller::cancel(const Orphan& orphan,
                                                     provider::Provider& provider,
                                                     const Secret& access_token,
                                                     Clock::time_point until)
{
    std::vector<provider::Meeting> meetings;
    if (orphan.external_id) {
        meetings.push_back({.join_url = {}, .external_id = *orphan.external_id});
    } else {
        provider::MeetingRequest request{
            .session_id = orphan.session_id,
            .tenant = stages_.registration.tenant,
            .title = {},
            .starts_at = orphan.starts_at.value_or(std::chrono::sys_seconds{}),
            .ends_at = {},
            .generation = orphan.generation,
            .may_exist = true,
            .now = orphan.claimed_at};
        auto found = co_await provider.search(std::move(request), access_token);
        if (!found) {
            co_return Report{.outcome = "failed", .failure = std::move(found).failure()};
        }
        meetings = *std::move(found);
    }
    Report report{.outcome = "kept"};
    for (const auto& meeting : meetings) {
        const auto answer = co_await may_cancel(orphan, meeting);
        if (answer == "keep") {
            continue;
        }
        // the delete must be over before somebody else may take this session up
        if (answer != "cancel" || stopped_ || Clock::now() + http_timeout_ >= until) {
            co_return Report{.outcome = "postponed"};
        }
        const auto done = co_await provider.cancel(meeting.external_id, access_token);
        if (!done) {
            co_return Report{.outcome = "failed", .failure = done.failure()};
        }
        log::info("meeting_cancelled", "cancelled a meeting that no session wants",
                  {{"session", orphan.session_id},
                   {"provider", orphan.key.provider},
                   {"meeting", meeting.external_id}});
        report = {.outcome = "cancelled", .cancelled = meeting.external_id};
    }
    co_return report;
}

/// cancel, keep or wait; wait also when the database does not answer.
asio::awaitable<std::string> Canceller::may_cancel(const Orphan& orphan,
                                                   const provider::Meeting& meeting)
{
    std::optional<std::string> link;
    if (!meeting.join_url.empty()) {
        link = meeting.join_url;
    }
    std::vector<postgres::Parameter> parameters{
        std::to_string(orphan.id), std::to_string(orphan.fence), meeting.external_id, link};
    const auto answer = co_await stages_.session.query(may_statement, std::move(parameters));
    co_return answer ? answer->only().get<std::string>("answer") : "wait";
}

asio::awaitable<void> Canceller::settle(const Orphan& orphan, Report report)
{
    postgres::Parameter reason;
    postgres::Parameter status;
    postgres::Parameter provider_code;
    postgres::Parameter detail;
    postgres::Parameter retry_after;
    if (report.failure) {
        const auto& failure = *report.failure;
        log::warning("cancel_failed", "could not cancel a meeting that no session wants",
                     {{"session", orphan.session_id},
                      {"provider", orphan.key.provider},
                      {"reason", code(failure.reason)},
                      {"detail", failure.detail}});
        reason = std::string{code(failure.reason)};
        status = std::to_string(failure.http_status);
        provider_code = truncate_bytes(one_line(failure.provider_code), 100);
        detail = truncate_bytes(one_line(failure.detail), 500);
        if (failure.retry_after) {
            retry_after = postgres::interval(*failure.retry_after);
        }
    }
    std::vector<postgres::Parameter> parameters{std::to_string(stages_.registration.daemon_id),
                                                std::to_string(orphan.id),
                                                std::to_string(orphan.fence),
                                                std::string{report.outcome},
                                                std::move(report.cancelled),
                                                std::move(reason),
                                                std::move(status),
                                                std::move(provider_code),
                                                std::move(detail),
                                                std::move(retry_after)};
    const auto answer = co_await stages_.session.query(settle_statement, std::move(parameters));
    if (!answer) {
        log::warning("orphans_failed", "could not record what became of a meeting",
                     {{"session", orphan.session_id}, {"error", answer.error().describe()}});
    }
}

}  // namespace meetlink::orphan
