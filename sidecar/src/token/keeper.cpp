#include "token/keeper.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/what.hpp"
#include "log/log.hpp"

namespace meetlink::token {

namespace asio = boost::asio;

namespace {

Failure failure(Reason reason, std::string detail)
{
    Failure failure;
    failure.reason = reason;
    failure.stage = Stage::token;
    failure.detail = std::move(detail);
    return failure;
}

Failure database_failure(const postgres::Error& error)
{
    return failure(Reason::internal_defect, "database: " + error.describe());
}

}  // namespace

bool ends_the_grant(Reason reason)
{
    switch (reason) {
        case Reason::grant_revoked:
        case Reason::grant_response_lost:
        case Reason::reauth_policy:
        case Reason::token_rejected:
        case Reason::scope_missing:
        case Reason::account_gone:
            return true;
        default:
            return false;
    }
}

Keeper::Keeper(asio::any_io_executor executor, Store& store, const Cipher& cipher,
               Providers providers, Options options, Now now)
    : executor_(executor),
      store_(store),
      cipher_(cipher),
      providers_(std::move(providers)),
      options_(options),
      now_(std::move(now)),
      credentials_(executor, options.probe_patience),
      flights_under_way_(executor)
{
}

asio::awaitable<Result<Access>> Keeper::usable(const ConnectionKey& key, const Stored& read)
{
    if (!read.found) {
        co_return failure(Reason::no_connection, "");
    }
    if (!read.usable) {
        co_return failure(Reason::connection_inactive, "");
    }
    if (read.access && (!about_to_expire(read) || lasts_without_refresh(read))) {
        co_return open(key, read);
    }
    // g++ 12 destroys aggregates twice that are made within a co_await expression: name them
    const Access none{.token = {}, .from = read};
    co_return co_await replace(key, none);
}

asio::awaitable<Result<Access>> Keeper::replace(const ConnectionKey& key, const Access& rejected)
{
    const auto found = flights_.find(key);
    auto flight = found != flights_.end() ? found->second : std::make_shared<Flight>(executor_);
    if (found == flights_.end()) {
        flights_.emplace(key, flight);
        // a coroutine of its own: a job that is cancelled must not stop tokens on their way to disk
        flights_under_way_.spawn("refresh", pilot(key, rejected.from, flight));
    }
    while (!flight->result) {
        co_await flight->landed.wait();
    }
    co_return *flight->result;
}

asio::awaitable<void> Keeper::pilot(ConnectionKey key, Stored had, std::shared_ptr<Flight> flight)
{
    try {
        flight->result = co_await fly(key, std::move(had));
    } catch (...) {
        const auto text = what(std::current_exception());
        log::error("internal_defect", "a token refresh ended by an unexpected exception",
                   {{"owner", key.owner_id}, {"provider", key.provider}, {"error", text}});
        flight->result = failure(Reason::internal_defect, text);
    }
    flights_.erase(key);
    flight->landed.notify_all();
}

asio::awaitable<Result<Access>> Keeper::fly(ConnectionKey key, Stored had)
{
    // another daemon's refresh takes at most two requests and their writes
    const auto patience = Condition::Clock::now() + lease_time();
    for (int rounds = 0; rounds < 3;) {
        const auto lease = co_await store_.begin_refresh(key, lease_time());
        if (!lease) {
            co_return database_failure(lease.error());
        }
        const auto& stored = lease->stored;
        // the claim's row may be stale: a sibling job, another daemon or the application refreshed
        const bool changed = !stored.same_tokens(had) && stored.access &&
                             (!stored.expires_at || !about_to_expire(stored));
        if (!stored.found || !stored.usable || changed) {
            if (lease->granted) {
                std::optional<Failure> nothing_wrong;
                co_await store_.end_refresh(key, lease->fence, nothing_wrong);
            }
            if (changed && stored.usable) {
                co_return open(key, stored);
            }
            co_return unusable(key, stored);
        }
        if (lease->granted) {
            ++rounds;
            if (auto result = co_await exchange(key, *lease)) {
                co_return std::move(*result);
            }
        } else if (Condition::Clock::now() >= patience) {
            break;
        } else {
            co_await pause(options_.look_again);
        }
    }
    co_return failure(Reason::refresh_busy, "another process kept refreshing this connection");
}

/// One refresh under the lease. Nothing: the stored tokens changed meanwhile, look at them again.
asio::awaitable<std::optional<Result<Access>>> Keeper::exchange(ConnectionKey key,
                                                                RefreshLease lease)
{
    auto* const provider = providers_(key.provider);
    const auto opened = [&]() -> Result<Decrypted> {
        if (provider == nullptr || !provider->configured()) {
            return failure(provider ? Reason::provider_not_configured : Reason::unknown_provider,
                           key.provider);
        }
        if (!lease.stored.refresh || lease.stored.refresh->empty()) {
            return failure(Reason::token_missing, "there is no refresh token");
        }
        return cipher_.decrypt(*lease.stored.refresh, key.text());
    }();
    if (!opened) {
        std::optional<Failure> why = opened.failure();
        co_await store_.end_refresh(key, lease.fence, why);
        co_return Result<Access>{opened.failure()};
    }

    bool response_lost = lease.response_lost;  // in this lease or an earlier one
    auto tokens = co_await ask(*provider, opened->text);
    if (!tokens && tokens.failure().outcome_unknown) {
        // The old token may have been rotated away by the answer that was lost: somebody may have
        // stored a new one; the old one may be in its grace; otherwise the grant is lost (PROVIDERS.md
        // 2.1). Where tokens do not rotate this is a plain repetition.
        response_lost = true;
        const auto reread = co_await store_.begin_refresh(key, lease_time());
        if (reread && !reread->stored.same_tokens(lease.stored)) {
            std::optional<Failure> nothing_wrong;
            const auto fence = reread->granted ? reread->fence : lease.fence;
            co_await store_.end_refresh(key, fence, nothing_wrong);
            co_return std::nullopt;
        }
        if (reread && reread->granted) {
            lease.fence = reread->fence;
        }
        tokens = co_await ask(*provider, opened->text);
    }
    if (!tokens && tokens.failure().reason == Reason::grant_revoked && response_lost &&
        provider->rotates_refresh_tokens()) {
        tokens.failure().reason = Reason::grant_response_lost;
    }
    if (on_refreshed_) {
        on_refreshed_(key, tokens ? std::nullopt : std::optional{tokens.failure().reason});
    }
    if (tokens) {
        co_return co_await persist(key, std::move(lease), opened->format, std::move(*tokens));
    }

    auto& problem = tokens.failure();
    problem.refresh_may_help = false;
    log::warning("refresh_failed", "could not refresh an access token",
                 {{"owner", key.owner_id},
                  {"provider", key.provider},
                  {"reason", code(problem.reason)},
                  {"http_status", problem.http_status},
                  {"detail", problem.detail}});
    if (!ends_the_grant(problem.reason)) {
        std::optional<Failure> why = problem;
        why->outcome_unknown = response_lost || problem.outcome_unknown;
        co_await store_.end_refresh(key, lease.fence, why);
        problem.outcome_unknown = false;  // of the job: no meeting can have come of it
        co_return Result<Access>{problem};
    }
    problem.outcome_unknown = false;
    if (provider->rotates_refresh_tokens()) {
        const bool raced = co_await changed_soon(key, lease.stored);
        if (raced) {
            std::optional<Failure> nothing_wrong;
            co_await store_.end_refresh(key, lease.fence, nothing_wrong);
            co_return std::nullopt;
        }
    }
    const auto marked = co_await store_.disconnect(key, lease.fence, lease.stored, problem);
    if (!marked) {
        co_return Result<Access>{database_failure(marked.error())};
    }
    if (!*marked) {
        co_return std::nullopt;
    }
    ended_.insert_or_assign(key, Ended{.tokens = lease.stored, .why = problem});
    co_return Result<Access>{problem};
}

/// One request, unless the provider is known by now to refuse the application itself.
asio::awaitable<Result<provider::Tokens>> Keeper::ask(provider::Provider& provider,
                                                      const Secret& refresh_token)
{
    std::string name{provider.name()};
    auto turn = co_await credentials_.enter(std::move(name));
    if (turn.refused()) {
        co_return *turn.refused();
    }
    auto tokens = co_await provider.refresh(refresh_token);
    turn.answered(tokens ? std::nullopt : std::optional{tokens.failure()});
    co_return tokens;
}

/// Whether somebody stores other tokens within `second_look`. The caller holds the lease.
asio::awaitable<bool> Keeper::changed_soon(ConnectionKey key, Stored was)
{
    const auto until = Condition::Clock::now() + options_.second_look;
    while (Condition::Clock::now() < until) {
        co_await pause(options_.look_again);
        const auto seen = co_await store_.begin_refresh(key, lease_time());
        if (seen && !seen->stored.same_tokens(was)) {
            co_return true;
        }
    }
    co_return false;
}

asio::awaitable<Result<Access>> Keeper::persist(ConnectionKey key, RefreshLease lease,
                                                Format format, provider::Tokens tokens)
{
    const auto context = key.text();
    const auto write_as = format_to_write(format, options_.format);
    NewTokens fresh{.access = cipher_.encrypt(tokens.access_token, write_as, context),
                    .refresh = lease.stored.refresh,
                    .expires_in = tokens.expires_in,
                    .refresh_expires_in = tokens.refresh_expires_in,
                    .foreseen = tokens.foreseen};
    if (tokens.refresh_token) {
        fresh.refresh = cipher_.encrypt(*tokens.refresh_token, write_as, context);
    }
    for (int attempt = 1;; ++attempt) {
        const auto written = co_await store_.store_tokens(key, lease.fence, lease.stored, fresh);
        if (written && written->stored) {
            log::info("token_refreshed", "refreshed an access token",
                      {{"owner", key.owner_id},
                       {"provider", key.provider},
                       {"expires_in_s", tokens.expires_in.count()}});
            if (tokens.foreseen) {
                log::warning("scope_missing",
                             "the provider says that no meeting can be made with these tokens",
                             {{"owner", key.owner_id},
                              {"provider", key.provider},
                              {"reason", code(*tokens.foreseen)}});
            }
            co_return Access{.token = std::move(tokens.access_token),
                             .from = written->now,
                             .just_refreshed = true};
        }
        if (written && written->now.access == fresh.access) {
            // an earlier try was carried out although its answer was lost
            co_return Access{.token = std::move(tokens.access_token),
                             .from = written->now,
                             .just_refreshed = true};
        }
        if (written) {
            co_return written->now.usable
                ? open(key, written->now)
                : Result<Access>{failure(Reason::connection_inactive, "")};
        }
        log::error("token_not_stored", "could not store refreshed tokens",
                   {{"owner", key.owner_id},
                    {"provider", key.provider},
                    {"error", written.error().describe()},
                    {"attempt", attempt}});
        if (attempt >= options_.store_attempts) {
            co_return database_failure(written.error());
        }
        co_await pause(options_.store_again);
    }
}

asio::awaitable<void> Keeper::grant_is_dead(const ConnectionKey& key, const Access& rejected,
                                            const Failure& failure)
{
    const auto lease = co_await store_.begin_refresh(key, lease_time());
    if (!lease || !lease->granted) {
        co_return;  // somebody is refreshing right now, and will find out
    }
    if (!lease->stored.found || !lease->stored.usable ||
        !lease->stored.same_tokens(rejected.from)) {
        std::optional<Failure> nothing_wrong;
        co_await store_.end_refresh(key, lease->fence, nothing_wrong);
        co_return;
    }
    const auto marked = co_await store_.disconnect(key, lease->fence, rejected.from, failure);
    if (marked && *marked) {
        ended_.insert_or_assign(key, Ended{.tokens = rejected.from, .why = failure});
        log::warning("connection_disconnected", "a tutor must reconnect",
                     {{"owner", key.owner_id},
                      {"provider", key.provider},
                      {"reason", code(failure.reason)},
                      {"detail", failure.detail}});
    }
}

/// A sibling of the job whose refresh ended the grant learns the same reason, not its consequence.
Failure Keeper::unusable(const ConnectionKey& key, const Stored& stored)
{
    const auto found = ended_.find(key);
    if (found != ended_.end() && stored.found && found->second.tokens.same_tokens(stored)) {
        return found->second.why;
    }
    ended_.erase(key);
    return failure(stored.found ? Reason::connection_inactive : Reason::no_connection, "");
}

Result<Access> Keeper::open(const ConnectionKey& key, const Stored& stored) const
{
    if (!stored.access || stored.access->empty()) {
        return failure(Reason::token_missing, "there is no access token");
    }
    auto opened = cipher_.decrypt(*stored.access, key.text());
    if (!opened) {
        return std::move(opened).failure();
    }
    return Access{.token = std::move(opened->text), .from = stored};
}

bool Keeper::about_to_expire(const Stored& stored) const
{
    return !stored.expires_at || *stored.expires_at - now_() < margin;
}

bool Keeper::lasts_without_refresh(const Stored& stored) const
{
    const bool refreshable = stored.refresh && !stored.refresh->empty();
    return !refreshable && (!stored.expires_at || *stored.expires_at > now_());
}

std::chrono::milliseconds Keeper::lease_time() const
{
    return 2 * options_.http_timeout + std::chrono::seconds{5};
}

asio::awaitable<void> Keeper::pause(std::chrono::milliseconds time)
{
    asio::steady_timer timer{executor_, time};
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace meetlink::token
