#include "token/database_store.hpp"

namespace meetlink::token {

namespace asio = boost::asio;
using postgres::interval;
using postgres::Parameter;
using postgres::Statement;

namespace {

constexpr Statement begin_statement{
    "begin_refresh",
    "select granted, fence, connection_found, connection_usable, access_token, refresh_token, "
    "case when isfinite(token_expires_at) then floor(extract(epoch from token_expires_at))::bigint "
    "end as token_expires_at, connection_print, response_lost "
    "from meetlink.begin_refresh($1, $2, $3, $4::interval)"};

constexpr Statement store_statement{
    "store_tokens",
    "select stored, connection_usable, access_token, refresh_token, "
    "case when isfinite(token_expires_at) then floor(extract(epoch from token_expires_at))::bigint "
    "end as token_expires_at, connection_print "
    "from meetlink.store_tokens($1, $2, $3, $4, $5, $6, $7, $8, $9::interval, $10::interval, $11)"};

constexpr Statement end_statement{"end_refresh",
                                  "select meetlink.end_refresh($1, $2, $3, $4, $5, $6, $7)"};

constexpr Statement replace_statement{
    "replace_ciphertext",
    "select meetlink.replace_ciphertext($1, $2, $3, $4, $5, $6, $7, $8) as written"};

constexpr Statement disconnect_statement{
    "disconnect", "select meetlink.disconnect($1, $2, $3, $4, $5, $6, $7, $8) as marked"};

}  // namespace

Stored read_stored(const postgres::Row& row, bool found)
{
    using Text = std::optional<std::string>;
    return {.found = found,
            .usable = row.get<bool>("connection_usable"),
            .access = row.get<Text>("access_token"),
            .refresh = row.get<Text>("refresh_token"),
            .expires_at = row.get<std::optional<std::chrono::sys_seconds>>("token_expires_at"),
            .print = row.get<std::optional<std::int64_t>>("connection_print")};
}

DatabaseStore::DatabaseStore(postgres::Session& session, const daemon::Registration& registration)
    : session_(session), registration_(registration)
{
}

std::string DatabaseStore::daemon_id() const
{
    return std::to_string(registration_.daemon_id);
}

asio::awaitable<postgres::Expected<RefreshLease>> DatabaseStore::begin_refresh(
    ConnectionKey key, std::chrono::milliseconds lease)
{
    std::vector<Parameter> parameters{daemon_id(), key.owner_id, key.provider, interval(lease)};
    const auto answer =
        co_await session_.query_until_answered(begin_statement, std::move(parameters));
    if (!answer) {
        co_return answer.error();
    }
    const auto row = answer->only();
    co_return RefreshLease{.granted = row.get<bool>("granted"),
                           .fence = row.get<std::optional<std::int64_t>>("fence").value_or(0),
                           .stored = read_stored(row, row.get<bool>("connection_found")),
                           .response_lost = row.get<bool>("response_lost")};
}

asio::awaitable<postgres::Expected<Written>> DatabaseStore::store_tokens(ConnectionKey key,
                                                                         std::int64_t fence,
                                                                         Stored was,
                                                                         NewTokens tokens)
{
    std::vector<Parameter> parameters{
        daemon_id(),
        key.owner_id,
        key.provider,
        std::to_string(fence),
        was.access,
        was.refresh,
        tokens.access,
        tokens.refresh,
        interval(tokens.expires_in),
        tokens.refresh_expires_in ? Parameter{interval(*tokens.refresh_expires_in)} : std::nullopt,
        tokens.foreseen ? Parameter{code(*tokens.foreseen)} : std::nullopt};
    const auto answer =
        co_await session_.query_until_answered(store_statement, std::move(parameters));
    if (!answer) {
        co_return answer.error();
    }
    const auto row = answer->only();
    co_return Written{.stored = row.get<bool>("stored"), .now = read_stored(row, true)};
}

asio::awaitable<std::optional<postgres::Error>> DatabaseStore::end_refresh(
    ConnectionKey key, std::int64_t fence, std::optional<Failure> failure)
{
    std::vector<Parameter> parameters{daemon_id(), key.owner_id, key.provider,
                                      std::to_string(fence)};
    parameters.push_back(failure ? Parameter{code(failure->reason)} : std::nullopt);
    parameters.push_back(failure ? Parameter{failure->detail} : std::nullopt);
    parameters.emplace_back(failure && failure->outcome_unknown ? "true" : "false");
    const auto answer =
        co_await session_.query_until_answered(end_statement, std::move(parameters));
    co_return answer ? std::nullopt : std::optional{answer.error()};
}

asio::awaitable<postgres::Expected<bool>> DatabaseStore::replace_ciphertext(
    ConnectionKey key, std::int64_t fence, Stored was, std::optional<std::string> access,
    std::optional<std::string> refresh)
{
    std::vector<Parameter> parameters{daemon_id(),           key.owner_id,      key.provider,
                                      std::to_string(fence), was.access,        was.refresh,
                                      std::move(access),     std::move(refresh)};
    const auto answer =
        co_await session_.query_until_answered(replace_statement, std::move(parameters));
    if (!answer) {
        co_return answer.error();
    }
    co_return answer->only().get<bool>("written");
}

asio::awaitable<postgres::Expected<bool>> DatabaseStore::disconnect(ConnectionKey key,
                                                                    std::int64_t fence, Stored was,
                                                                    Failure failure)
{
    std::vector<Parameter> parameters{daemon_id(),
                                      key.owner_id,
                                      key.provider,
                                      std::to_string(fence),
                                      was.access,
                                      was.refresh,
                                      std::string{code(failure.reason)},
                                      failure.detail};
    const auto answer =
        co_await session_.query_until_answered(disconnect_statement, std::move(parameters));
    if (!answer) {
        co_return answer.error();
    }
    co_return answer->only().get<bool>("marked");
}

}  // namespace meetlink::token
