#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/condition.hpp"
#include "failure.hpp"

namespace meetlink::token {

/// Until a provider has accepted the application's client id and secret once, one refresh at a time asks
/// for all: if it is refused, so are those that wait for it, and a wrong secret costs one request however
/// many tutors there are. Afterwards nobody waits, until the provider refuses the application again.
class CredentialProbe {
public:
    /// `patience`: a request that takes longer must not hold up the others (DESIGN rule 10); as long a
    /// refusal answers those that come late.
    CredentialProbe(boost::asio::any_io_executor executor, std::chrono::milliseconds patience)
        : executor_(executor), patience_(patience)
    {
    }

    /// One provider's state; outlives every Turn.
    struct Provider {
        explicit Provider(boost::asio::any_io_executor executor) : answered(executor) {}
        bool proven = false;
        bool asking = false;
        int answers = 0;
        std::optional<Failure> refused;  ///< by the last answer
        Condition::Clock::time_point answered_at{};
        Condition answered;
    };

    /// The right to ask; tells the waiting ones when it dies.
    class Turn {
    public:
        Turn(Provider* provider, std::optional<Failure> refused)
            : provider_(provider), refused_(std::move(refused))
        {
        }
        Turn(Turn&& other) noexcept
            : provider_(std::exchange(other.provider_, nullptr)),
              refused_(std::move(other.refused_))
        {
        }
        Turn& operator=(Turn&&) = delete;
        ~Turn();

        /// Somebody has asked meanwhile, and the application was refused: do not.
        [[nodiscard]] const std::optional<Failure>& refused() const { return refused_; }
        /// What the token endpoint said; no failure: it gave tokens.
        void answered(const std::optional<Failure>& failure);

    private:
        Provider* provider_;
        std::optional<Failure> refused_;
        bool told_ = false;
    };

    [[nodiscard]] boost::asio::awaitable<Turn> enter(std::string provider);

private:
    boost::asio::any_io_executor executor_;
    std::chrono::milliseconds patience_;
    std::map<std::string, std::unique_ptr<Provider>> providers_;
};

}  // namespace meetlink::token
