#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "base/condition.hpp"
#include "base/secret.hpp"
#include "base/task_group.hpp"
#include "failure.hpp"
#include "provider/provider.hpp"
#include "token/cipher.hpp"
#include "token/connection_key.hpp"
#include "token/credential_probe.hpp"
#include "token/store.hpp"

namespace meetlink::token {

/// A token to call a provider with, and the row it came from.
struct Access {
    Secret token;
    Stored from;
    bool just_refreshed = false;  ///< a provider that rejects it rejects the grant
};

/// Valid access tokens for connections. One refresh at a time per connection: in this process by
/// sharing the one that is under way, over all daemons by the database's lease. New tokens are on disk
/// before anybody gets them; if somebody else refreshed meanwhile, theirs are used (DESIGN rules 4, 6).
class Keeper {
public:
    struct Options {
        Format format = Format::aes_256_cbc;  ///< for new tokens, see format_to_write
        std::chrono::milliseconds http_timeout{15'000};
        /// Pauses: between looks at another daemon's refresh; between tries to store new tokens.
        std::chrono::milliseconds look_again{100};
        std::chrono::milliseconds store_again{500};
        int store_attempts = 20;
        /// How long a rotating refresh token that was rejected may still turn out to have been used by the
        /// application, which is about to store its successor.
        std::chrono::milliseconds second_look{2'000};
        /// How long refreshes wait for one that tries the application's client secret for all.
        std::chrono::milliseconds probe_patience{2'000};
    };
    using Now = std::function<std::chrono::system_clock::time_point()>;
    using Providers = std::function<provider::Provider*(std::string_view name)>;

    /// Less than this left: refresh ahead (APP.md "How a meeting is made there").
    static constexpr std::chrono::minutes margin{5};

    Keeper(boost::asio::any_io_executor executor, Store& store, const Cipher& cipher,
           Providers providers, Options options, Now now = std::chrono::system_clock::now);

    // Arguments by reference must live until the answer: a job keeps them anyhow, and what it waits with
    // is held in memory for each request in flight.

    /// A valid access token, given what the claim read; refreshed when it is about to expire, or when
    /// nobody knows when it does.
    [[nodiscard]] boost::asio::awaitable<Result<Access>> usable(const ConnectionKey& key,
                                                                const Stored& read);

    /// The provider rejected `rejected`: other tokens, from the database or by a refresh.
    [[nodiscard]] boost::asio::awaitable<Result<Access>> replace(const ConnectionKey& key,
                                                                 const Access& rejected);

    /// The provider rejected a call in a way that only a new consent of the tutor can change: marks
    /// the connection, unless its tokens are not the ones that were rejected any more.
    [[nodiscard]] boost::asio::awaitable<void> grant_is_dead(const ConnectionKey& key,
                                                             const Access& rejected,
                                                             const Failure& failure);

    /// Called after each refresh at a provider; without a reason it succeeded.
    using OnRefreshed = std::function<void(const ConnectionKey&, std::optional<Reason>)>;
    void on_refreshed(OnRefreshed callback) { on_refreshed_ = std::move(callback); }

    /// Waits for refreshes under way: a rotated token must reach the disk (DESIGN rule 6).
    [[nodiscard]] boost::asio::awaitable<bool> joined_until(Condition::Clock::time_point deadline)
    {
        return flights_under_way_.joined_until(deadline);
    }
    [[nodiscard]] std::size_t refreshing() const { return flights_under_way_.size(); }

private:
    struct Flight {
        explicit Flight(boost::asio::any_io_executor executor) : landed(executor) {}
        std::optional<Result<Access>> result;
        Condition landed;
    };

    struct Ended {
        Stored tokens;
        Failure why;
    };

    [[nodiscard]] boost::asio::awaitable<Result<Access>> fly(ConnectionKey key, Stored had);
    [[nodiscard]] boost::asio::awaitable<void> pilot(ConnectionKey key, Stored had,
                                                     std::shared_ptr<Flight> flight);
    [[nodiscard]] boost::asio::awaitable<std::optional<Result<Access>>> exchange(
        ConnectionKey key, RefreshLease lease);
    [[nodiscard]] boost::asio::awaitable<Result<provider::Tokens>> ask(provider::Provider& provider,
                                                                       const Secret& refresh_token);
    [[nodiscard]] boost::asio::awaitable<Result<Access>> persist(ConnectionKey key,
                                                                 RefreshLease lease, Format format,
                                                                 provider::Tokens tokens);
    [[nodiscard]] boost::asio::awaitable<bool> changed_soon(ConnectionKey key, Stored was);
    [[nodiscard]] boost::asio::awaitable<void> pause(std::chrono::milliseconds time);
    [[nodiscard]] Failure unusable(const ConnectionKey& key, const Stored& stored);
    [[nodiscard]] Result<Access> open(const ConnectionKey& key, const Stored& stored) const;
    [[nodiscard]] bool about_to_expire(const Stored& stored) const;
    /// It cannot be refreshed, but may still do.
    [[nodiscard]] bool lasts_without_refresh(const Stored& stored) const;
    [[nodiscard]] std::chrono::milliseconds lease_time() const;

    boost::asio::any_io_executor executor_;
    Store& store_;
    const Cipher& cipher_;
    Providers providers_;
    Options options_;
    Now now_;
    OnRefreshed on_refreshed_;
    CredentialProbe credentials_;
    std::map<ConnectionKey, std::shared_ptr<Flight>> flights_;
    std::map<ConnectionKey, Ended> ended_;  ///< grants that ended here, until their tokens change
    TaskGroup flights_under_way_;
};

/// Whether a failure means that only a new consent helps, so that the connection is to be marked.
[[nodiscard]] bool ends_the_grant(Reason reason);

}  // namespace meetlink::token
