#pragma once

#include <chrono>
#include <optional>

#include "http/message.hpp"

namespace meetlink::http {

/// The longest wait that a provider can impose (PROVIDERS.md 4.3).
inline constexpr std::chrono::seconds longest_retry_after = std::chrono::hours{24};

/// The time at which the answer was made: its Date header, else `now`. Comparing the provider's times
/// with the provider's clock keeps a wrong clock on this machine out of the reckoning.
[[nodiscard]] std::chrono::sys_seconds answered_at(const Response& response,
                                                   std::chrono::sys_seconds now);

/// How long the answer asks to wait: Retry-After as seconds, HTTP-date or ISO 8601 date-time, else
/// X-RateLimit-Reset as Unix time (PROVIDERS.md 2.4). Between 0 and `longest_retry_after`; nothing when
/// neither header is there or makes sense.
[[nodiscard]] std::optional<std::chrono::seconds> retry_after(const Response& response,
                                                              std::chrono::sys_seconds now);

}  // namespace meetlink::http
