#pragma once

#include <json/value.h>

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "web/message.hpp"

namespace meetlink::web {

/// Longest key of a session that is looked for.
inline constexpr std::size_t max_session_id = 1024;

/// 415 unless the body is declared as JSON in UTF-8; a request without a body need not declare it.
[[nodiscard]] std::optional<Answer> wrong_content_type(const Request& request);

/// JSON as callers must write it: one value, no duplicate keys, not deeply nested.
[[nodiscard]] std::optional<Json::Value> parse_strictly(std::string_view body);

/// The session id in {"sessionId": "..."} (or a whole number, for integer keys); or what is wrong, as
/// the details of a 400. Strict: one object, no duplicate keys.
struct SessionId {
    std::string text;
};
[[nodiscard]] std::variant<SessionId, Answer> parse_retry_request(std::string_view body);

}  // namespace meetlink::web
