#pragma once

#include <json/value.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/condition.hpp"
#include "failure.hpp"
#include "limits/circuit_breaker.hpp"
#include "limits/token_bucket.hpp"
#include "token/connection_key.hpp"

namespace meetlink::limits {

struct ProviderLimits {
    int max_per_connection = 1;     ///< jobs of one connection that may work at once, at least 1
    double max_per_second = 1;      ///< jobs of the provider that may start, above 0
    std::size_t max_stalled = 256;  ///< stalled calls from which on no more jobs are to be taken
};

/// A job that waits for its turn or its provider's answer for so long has stalled.
constexpr std::chrono::milliseconds stall_time{1'000};

/// Who may call which provider now: a semaphore per connection, and per provider a token bucket and a
/// circuit breaker (DESIGN rule 10).
class Limits {
public:
    using Clock = std::chrono::steady_clock;

    Limits(boost::asio::any_io_executor executor, std::map<std::string, ProviderLimits> providers,
           CircuitBreaker::Settings breaker = {});

    /// The right to work on one job; gives its slot back when it dies.
    class Permit {
    public:
        using Since = std::list<Clock::time_point>::iterator;
        Permit(Limits& limits, token::ConnectionKey key, Since since)
            : limits_(&limits), key_(std::move(key)), since_(since)
        {
        }
        Permit(Permit&& other) noexcept
            : limits_(std::exchange(other.limits_, nullptr)),
              key_(std::move(other.key_)),
              since_(other.since_),
              reported_(other.reported_)
        {
        }
        Permit& operator=(Permit&&) = delete;
        ~Permit();

        /// What the provider answered, for the breaker; unreported: it was not called.
        void succeeded();
        void failed(const Failure& failure);
        /// The breaker did not let it pass: another one may be its probe.
        void not_admitted() { reported_ = true; }

    private:
        Limits* limits_;
        token::ConnectionKey key_;
        Since since_;
        bool reported_ = false;
    };

    /// Waits for the connection's slot and the provider's rate. Nothing: the breaker is open, or
    /// close() was called; then the job is to be given back untouched. The provider must be known.
    [[nodiscard]] boost::asio::awaitable<std::optional<Permit>> enter(token::ConnectionKey key);

    /// What a claim must leave alone for now (`skip` of meetlink.claim).
    [[nodiscard]] std::vector<std::string> skip(Clock::time_point now);
    /// The same for a claim of the one call that a breaker waits for as its probe; nothing: none waits.
    [[nodiscard]] std::optional<std::vector<std::string>> skip_for_probe(
        Clock::time_point now) const;
    /// Connections whose probes have failed, as in skip(): another one's says more.
    [[nodiscard]] std::vector<std::string> failed_probes() const;
    /// There is no other one.
    void forget_failed_probes();
    /// How many jobs have stalled: they take no room that others could use (DESIGN rule 10).
    [[nodiscard]] std::size_t stalled(Clock::time_point now) const;
    /// When the next one will have; max() without one.
    [[nodiscard]] Clock::time_point next_stall(Clock::time_point now) const;
    /// When time alone will shorten skip(); max() if it will not.
    [[nodiscard]] Clock::time_point next_change(Clock::time_point now);
    /// Called when a slot or a breaker has become free.
    void on_freed(std::function<void()> callback) { on_freed_ = std::move(callback); }

    /// For meetlink.health(): an array of {provider, reason, open_s, retry_in_s}.
    [[nodiscard]] Json::Value open_breakers(Clock::time_point now) const;

    [[nodiscard]] bool known(const std::string& provider) const
    {
        return providers_.contains(provider);
    }
    void close();
    [[nodiscard]] bool closed() const { return closed_; }

private:
    struct Provider {
        ProviderLimits limits;
        TokenBucket bucket;
        CircuitBreaker breaker;
        Clock::time_point opened_at{};    ///< while it is open
        std::string why;                  ///< code of the last reason that kept it open
        std::set<std::string> failing{};  ///< connections that failed since the last success
        std::list<Clock::time_point>
            waiting{};  ///< since when jobs wait to call it, the oldest first
        std::list<Clock::time_point> calling{};  ///< likewise of those with a permit
    };
    struct Slots {
        explicit Slots(boost::asio::any_io_executor executor) : freed(executor) {}
        int working = 0;
        int waiting = 0;
        Condition freed;
    };

    void add_full_connections(std::vector<std::string>& keys) const;
    void leave(const token::ConnectionKey& key, Permit::Since since);

    boost::asio::any_io_executor executor_;
    std::map<std::string, Provider, std::less<>> providers_;
    std::map<token::ConnectionKey, Slots> connections_;
    std::function<void()> on_freed_;
    bool closed_ = false;
    Condition closing_;
};

/// Whether the provider refuses the application itself, whoever it calls for.
[[nodiscard]] bool rejects_the_application(Reason reason);

/// Whether a failure is one that other calls to this provider would share now.
[[nodiscard]] bool concerns_the_provider(Reason reason);

}  // namespace meetlink::limits
