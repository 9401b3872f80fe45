#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <random>

namespace meetlink::postgres {

/// Exponential backoff with equal jitter: the n-th delay lies between half and all of
/// min(cap, base * 2^n), so that daemons which lost one server do not come back in step.
class Backoff {
public:
    using Duration = std::chrono::milliseconds;
    /// A number from [0, 1).
    using Random = std::function<double()>;

    explicit Backoff(Duration base = Duration{100}, Duration cap = Duration{15'000},
                     Random random = fair())
        : base_(base), cap_(cap), random_(std::move(random))
    {
    }

    [[nodiscard]] Duration next()
    {
        // 2^20 times any base is beyond any cap
        const Duration full = std::min(cap_, base_ * (1 << std::min(attempts_, 20)));
        ++attempts_;
        return full / 2 + Duration{static_cast<Duration::rep>(
                              random_() * static_cast<double>((full - full / 2).count()))};
    }
    /// Delays handed out since the last success.
    [[nodiscard]] int attempts() const { return attempts_; }
    void reset() { attempts_ = 0; }

private:
    [[nodiscard]] static Random fair()
    {
        return [engine = std::minstd_rand{std::random_device{}()}]() mutable {
            return std::uniform_real_distribution<double>{}(engine);
        };
    }

    Duration base_;
    Duration cap_;
    Random random_;
    int attempts_ = 0;
};

}  // namespace meetlink::postgres
