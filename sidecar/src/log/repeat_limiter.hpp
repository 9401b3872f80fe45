#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meetlink::log {

/// Keeps a repeating message from flooding the log: the first of each key passes, the next ones are
/// counted, and once per interval one passes with the count ("again 512 times").
///
///     if (const auto repeated = limiter.admit(host, now)) {
///         log::warning("provider_unavailable", "...", {{"host", host}, {"repeated", *repeated}});
///     }
class RepeatLimiter {
public:
    using Clock = std::chrono::steady_clock;

    /// At most `capacity` keys are remembered; beyond it the one that spoke longest ago is forgotten.
    explicit RepeatLimiter(Clock::duration interval = std::chrono::minutes{1},
                           std::size_t capacity = 1024);

    /// Nothing: keep quiet. Otherwise write the message; the number is how many with the same key
    /// were kept quiet since the last one that passed (field name: "repeated").
    [[nodiscard]] std::optional<std::uint64_t> admit(std::string_view key, Clock::time_point now);

    struct Silenced {
        std::string key;
        std::uint64_t repeated;
    };
    /// Keys whose interval is over with messages still unsaid, for the janitor to report; forgets
    /// every key whose interval is over, so that its next message passes at once.
    [[nodiscard]] std::vector<Silenced> expire(Clock::time_point now);

private:
    struct Entry {
        Clock::time_point passed_at;
        std::uint64_t silenced = 0;
    };

    Clock::duration interval_;
    std::size_t capacity_;
    std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace meetlink::log
