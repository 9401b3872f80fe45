#include "token/refresher.hpp"

#include <set>

#include "limits/limits.hpp"
#include "log/log.hpp"
#include "token/database_store.hpp"

namespace meetlink::token {

namespace asio = boost::asio;

namespace {

constexpr postgres::Statement due_statement{
    "refreshes_due",
    "select owner_id, provider, connection_usable, access_token, refresh_token, "
    "case when isfinite(token_expires_at) then floor(extract(epoch from token_expires_at))::bigint "
    "end as token_expires_at, connection_print "
    "from meetlink.refreshes_due($1, $2::interval, $3::jsonb)"};

constexpr int most_a_turn = 30;

}  // namespace

Refresher::Refresher(postgres::Session& session, Keeper& keeper, Options options)
    : session_(session), keeper_(keeper), options_(std::move(options))
{
}

asio::awaitable<void> Refresher::turn()
{
    std::string idle;
    for (const auto& [provider, days] : options_.idle_days) {
        idle.append(idle.empty() ? "{\"" : ", \"").append(provider).append("\": \"");
        idle.append(std::to_string(days)).append(" days\"");
    }
    idle += idle.empty() ? "{}" : "}";
    std::vector<postgres::Parameter> parameters{std::to_string(most_a_turn),
                                                postgres::interval(options_.ahead), idle};
    const auto due = co_await session_.query(due_statement, std::move(parameters));
    if (!due) {
        log::warning("refresh_ahead_failed", "could not look for tokens to refresh ahead",
                     {{"error", due.error().describe()}});
        co_return;
    }
    std::set<std::string> failing;  // a provider that fails is left alone until the next turn
    for (std::size_t row = 0; row < due->size() && !stopped_; ++row) {
        const ConnectionKey key{.owner_id = (*due)[row].get<std::string>("owner_id"),
                                .provider = (*due)[row].get<std::string>("provider")};
        if (failing.contains(key.provider)) {
            continue;
        }
        const Access had{.token = {}, .from = read_stored((*due)[row], true)};
        const auto result = co_await keeper_.replace(key, had);
        if (!result && limits::concerns_the_provider(result.failure().reason)) {
            failing.insert(key.provider);
        }
    }
}

}  // namespace meetlink::token
