#pragma once

#include <chrono>
#include <optional>

namespace meetlink {

/// The database's clock, as it was last told: whether a session is over or a token has expired must not
/// depend on what time this machine believes it is.
class DatabaseClock {
public:
    void set(std::chrono::sys_seconds now)
    {
        told_ = now;
        told_at_ = std::chrono::steady_clock::now();
    }
    /// This machine's time until the database has told its own.
    [[nodiscard]] std::chrono::system_clock::time_point now() const
    {
        return told_ ? *told_ + (std::chrono::steady_clock::now() - told_at_)
                     : std::chrono::system_clock::now();
    }

private:
    std::optional<std::chrono::sys_seconds> told_;
    std::chrono::steady_clock::time_point told_at_{};
};

}  // namespace meetlink
