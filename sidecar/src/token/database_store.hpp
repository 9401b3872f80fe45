#pragma once

#include "daemon/registration.hpp"
#include "postgres/rows.hpp"
#include "postgres/session.hpp"
#include "token/store.hpp"

namespace meetlink::token {

/// The Store in PostgreSQL (sql/50_token.sql). Its statements may wait for a row that an application's
/// transaction has locked, so they belong in a session that nobody's claims and links wait for.
class DatabaseStore final : public Store {
public:
    DatabaseStore(postgres::Session& session, const daemon::Registration& registration);

    [[nodiscard]] boost::asio::awaitable<postgres::Expected<RefreshLease>> begin_refresh(
        ConnectionKey key, std::chrono::milliseconds lease) override;
    [[nodiscard]] boost::asio::awaitable<postgres::Expected<Written>> store_tokens(
        ConnectionKey key, std::int64_t fence, Stored was, NewTokens tokens) override;
    [[nodiscard]] boost::asio::awaitable<std::optional<postgres::Error>> end_refresh(
        ConnectionKey key, std::int64_t fence, std::optional<Failure> failure) override;
    [[nodiscard]] boost::asio::awaitable<postgres::Expected<bool>> replace_ciphertext(
        ConnectionKey key, std::int64_t fence, Stored was, std::optional<std::string> access,
        std::optional<std::string> refresh) override;
    [[nodiscard]] boost::asio::awaitable<postgres::Expected<bool>> disconnect(
        ConnectionKey key, std::int64_t fence, Stored was, Failure failure) override;

private:
    [[nodiscard]] std::string daemon_id() const;

    postgres::Session& session_;
    const daemon::Registration& registration_;
};

/// The columns access_token, refresh_token, token_expires_at (seconds), connection_usable and
/// connection_print, as meetlink.claim and the functions above return them.
[[nodiscard]] Stored read_stored(const postgres::Row& row, bool found);

}  // namespace meetlink::token
