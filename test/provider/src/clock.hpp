#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace meetlink::standin {

using Time = std::chrono::sys_time<std::chrono::microseconds>;
using std::chrono::seconds;

/// The stand-in's idea of now: real time plus what a test has added, so that an hour, a page token's
/// 15 minutes or a UTC day can pass at once.
class Clock {
public:
    [[nodiscard]] Time now() const
    {
        using std::chrono::system_clock;
        return std::chrono::floor<std::chrono::microseconds>(system_clock::now()) + offset_;
    }
    void advance(seconds by) { offset_ += by; }
    void reset() { offset_ = {}; }

private:
    std::chrono::microseconds offset_{};
};

/// "2026-12-01T10:00:00Z"
[[nodiscard]] std::string iso_time(Time time);
/// "2026-12-01T10:00:00.123Z"
[[nodiscard]] std::string iso_time_ms(Time time);
/// "Tue, 01 Dec 2026 10:00:00 GMT" (HTTP's Date and Retry-After)
[[nodiscard]] std::string http_date(Time time);
/// RFC 3339 with `Z` or an offset; a local time without either is read as UTC, because the stand-in
/// has no time zone database. nullopt for anything else.
[[nodiscard]] std::optional<Time> parse_time(std::string_view text);
/// The next 00:00 UTC, when Zoom's daily limits end (PROVIDERS.md 2.4).
[[nodiscard]] Time next_utc_midnight(Time now);

}  // namespace meetlink::standin
