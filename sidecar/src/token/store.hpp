#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "failure.hpp"
#include "postgres/error.hpp"
#include "token/connection_key.hpp"

namespace meetlink::token {

/// A connection's row as it was read at some moment; tokens are ciphertexts.
struct Stored {
    bool found = false;
    bool usable = false;  ///< active, and its status says connected
    std::optional<std::string> access;
    std::optional<std::string> refresh;
    std::optional<std::chrono::sys_seconds> expires_at;
    std::optional<std::int64_t> print;  ///< fingerprint of the row, handed back when settling

    [[nodiscard]] bool same_tokens(const Stored& other) const
    {
        return access == other.access && refresh == other.refresh;
    }
};

/// The right to refresh one connection's tokens, over all daemons; `fence` orders its holders.
struct RefreshLease {
    bool granted = false;
    std::int64_t fence = 0;
    Stored stored;  ///< as it is now, granted or not
    /// These tokens were sent before, by whichever daemon, and no answer is known: a rotating refresh
    /// token may be used up.
    bool response_lost = false;
};

struct NewTokens {
    std::string access;                  ///< ciphertext
    std::optional<std::string> refresh;  ///< ciphertext
    std::chrono::seconds expires_in{};
    std::optional<std::chrono::seconds> refresh_expires_in;
    std::optional<Reason> foreseen;  ///< as in provider::Tokens
};

struct Written {
    bool stored =
        false;  ///< false: somebody else stored others meanwhile, or the fence is not current
    Stored now;
};

/// What TokenKeeper needs of the database (sql/50_token.sql). Every call waits out a lost connection;
/// each may be repeated, since the fence and the comparison with `was` decide.
class Store {
public:
    virtual ~Store() = default;

    [[nodiscard]] virtual boost::asio::awaitable<postgres::Expected<RefreshLease>> begin_refresh(
        ConnectionKey key, std::chrono::milliseconds lease) = 0;
    /// When it returns `stored`, the tokens are on disk (DESIGN rule 6).
    [[nodiscard]] virtual boost::asio::awaitable<postgres::Expected<Written>> store_tokens(
        ConnectionKey key, std::int64_t fence, Stored was, NewTokens tokens) = 0;
    /// Gives the lease back; with a failure, records it as the outcome of the last refresh, and whether
    /// (`outcome_unknown`) the provider may have carried it out.
    [[nodiscard]] virtual boost::asio::awaitable<std::optional<postgres::Error>> end_refresh(
        ConnectionKey key, std::int64_t fence, std::optional<Failure> failure) = 0;
    /// Stores the same tokens encrypted anew and gives the lease back. False: nothing was written, since
    /// the tokens are no longer `was` or the fence is not current.
    [[nodiscard]] virtual boost::asio::awaitable<postgres::Expected<bool>> replace_ciphertext(
        ConnectionKey key, std::int64_t fence, Stored was, std::optional<std::string> access,
        std::optional<std::string> refresh) = 0;
    /// Marks a dead grant and gives the lease back. False: the tokens are no longer `was`.
    [[nodiscard]] virtual boost::asio::awaitable<postgres::Expected<bool>> disconnect(
        ConnectionKey key, std::int64_t fence, Stored was, Failure failure) = 0;
};

}  // namespace meetlink::token
