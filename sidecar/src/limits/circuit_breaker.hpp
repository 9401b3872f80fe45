#pragma once

#include <algorithm>
#include <chrono>

namespace meetlink::limits {

/// Circuit breaker of one provider.
///
///     closed --threshold failures in a row--> open --time over--> half-open (one probe)
///        ^                                      ^-------failure-------+
///        +---------------------------success--------------------------+
///
/// Each time that a probe fails the next one waits twice as long.
class CircuitBreaker {
public:
    using Clock = std::chrono::steady_clock;
    enum class State { closed, open, half_open };

    struct Settings {
        int threshold = 8;
        Clock::duration first_wait = std::chrono::seconds{2};
        Clock::duration longest_wait = std::chrono::seconds{60};
    };

    explicit CircuitBreaker(Settings settings) : settings_(settings) {}

    [[nodiscard]] State state(Clock::time_point now) const
    {
        if (!opened_) {
            return State::closed;
        }
        return probing_ || now < probe_at_ ? State::open : State::half_open;
    }

    /// Whether a call may go out; in half-open, the first one that asks becomes the probe.
    [[nodiscard]] bool admit(Clock::time_point now)
    {
        if (state(now) == State::half_open) {
            probing_ = true;
            return true;
        }
        return !opened_;
    }

    /// The provider answered sensibly. True: the breaker has closed by it.
    bool succeeded()
    {
        const bool was_open = opened_;
        *this = CircuitBreaker{settings_};
        return was_open;
    }

    /// The provider failed in a way that other calls would share. True: the breaker has opened by it.
    /// `for_all`: it would fail for every other call too, so one failure is enough. `same_caller`: as did
    /// all failures before, which says nothing of others: together they count as one.
    bool failed(Clock::time_point now, bool for_all = false, bool same_caller = false)
    {
        failures_ = same_caller ? 1 : failures_ + 1;
        if (opened_ ? !probing_ : !for_all && failures_ < settings_.threshold) {
            return false;  // a call from before it opened says nothing new
        }
        wait_ = opened_ ? std::min(wait_ * 2, settings_.longest_wait) : settings_.first_wait;
        opened_ = true;
        probing_ = false;
        probe_at_ = now + wait_;
        return true;
    }

    /// The admitted call never reached the provider.
    void abandoned() { probing_ = false; }

    /// When the next probe may go out; in the past unless open.
    [[nodiscard]] Clock::time_point probe_at() const { return probe_at_; }

private:
    Settings settings_;
    int failures_ = 0;
    bool opened_ = false;
    bool probing_ = false;
    Clock::duration wait_{};
    Clock::time_point probe_at_{};
};

}  // namespace meetlink::limits
