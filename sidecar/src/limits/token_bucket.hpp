#pragma once

#include <algorithm>
#include <chrono>

namespace meetlink::limits {

/// Token bucket: on average `rate` a second, in bursts of at most one second's worth.
class TokenBucket {
public:
    using Clock = std::chrono::steady_clock;

    /// `rate` is above 0.
    TokenBucket(double rate, Clock::time_point now)
        : rate_(rate), burst_(std::max(rate, 1.0)), tokens_(burst_), at_(now)
    {
    }

    /// Takes one token; the bucket may go into debt. Returns how long to wait before using it.
    [[nodiscard]] Clock::duration reserve(Clock::time_point now)
    {
        refill(now);
        tokens_ -= 1;
        return tokens_ >= 0 ? Clock::duration::zero() : time_for(-tokens_);
    }

    /// How many could start now.
    [[nodiscard]] int available(Clock::time_point now)
    {
        refill(now);
        return tokens_ < 1 ? 0 : static_cast<int>(tokens_);
    }

    /// When one could start.
    [[nodiscard]] Clock::time_point next(Clock::time_point now)
    {
        refill(now);
        return tokens_ >= 1 ? now : now + time_for(1 - tokens_);
    }

private:
    void refill(Clock::time_point now)
    {
        if (now > at_) {
            const std::chrono::duration<double> passed = now - at_;
            tokens_ = std::min(burst_, tokens_ + passed.count() * rate_);
            at_ = now;
        }
    }
    [[nodiscard]] Clock::duration time_for(double tokens) const
    {
        return std::chrono::ceil<Clock::duration>(std::chrono::duration<double>{tokens / rate_});
    }

    double rate_;
    double burst_;
    double tokens_;
    Clock::time_point at_;
};

}  // namespace meetlink::limits
