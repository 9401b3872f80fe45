#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "web/message.hpp"

namespace meetlink::web {

/// 400: the request cannot name a session (APP.md "The retry endpoint"), in the form of
/// meetlink.refusal. `details` says what is wrong with it.
[[nodiscard]] Answer invalid(std::string_view details);

/// 403 in the same form.
[[nodiscard]] Answer forbidden(std::string_view error, std::string_view details);

/// 401 with a challenge (RFC 6750 section 3): no token, or one that does not hold.
[[nodiscard]] Answer unauthenticated(std::string_view details);

/// Any other refusal; `action` is a word for programs.
[[nodiscard]] Answer problem(int status, std::string_view error, std::string_view details,
                             std::string_view action = "none");

/// 503 with Retry-After.
[[nodiscard]] Answer unavailable(std::string_view details,
                                 std::chrono::seconds retry_after = std::chrono::seconds{5});

}  // namespace meetlink::web
