#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace meetlink {

/// Reads a whole number with a unit: "250ms", "30s", "5m", "1h". Nothing for anything else: no unit,
/// sign, fraction, space, or more than 1000 hours.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// Writes a duration of at least 0 the way parse_duration reads it, in the largest unit that is exact.
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

}  // namespace meetlink
