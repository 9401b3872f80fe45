#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace meetlink {

/// RFC 3339 in UTC, "2026-12-01T10:00:00Z". Years 0 to 9999.
[[nodiscard]] std::string rfc3339(std::chrono::sys_seconds time);

/// RFC 3339 / ISO 8601 date-time with an offset ("Z", "+01:00", "+0100"); a fraction of a second is
/// cut off. No offset is read as UTC, as Zoom's headers may mean it (PROVIDERS.md 2.4).
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_rfc3339(std::string_view text);

/// HTTP-date in its three forms (RFC 9110 section 5.6.7).
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

/// The next 00:00 UTC after `time`.
[[nodiscard]] std::chrono::sys_seconds next_utc_midnight(std::chrono::sys_seconds time);

}  // namespace meetlink
