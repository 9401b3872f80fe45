#pragma once

#include <json/value.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace meetlink::standin {

/// nullopt when the text is not one JSON value.
[[nodiscard]] std::optional<Json::Value> parse_json(std::string_view text);
/// Compact, UTF-8, no line breaks.
[[nodiscard]] std::string to_text(const Json::Value& value);
void append_text(std::string& out, const Json::Value& value);
/// `"name":"text",` with the text escaped, the name as it is; for answers that are put together piece by piece.
void append_member(std::string& out, std::string_view name, std::string_view text);

/// The text of a string, as long as that lives.
[[nodiscard]] std::string_view view_of(const Json::Value& string);
/// nullptr when `object` is none, or has no such member.
[[nodiscard]] const Json::Value* find_member(const Json::Value& object, std::string_view name);
/// A member that may be absent or of another type; the lenient reading that both providers show.
[[nodiscard]] std::string text_of(const Json::Value& object, const char* key,
                                  std::string_view fallback = {});
[[nodiscard]] bool is_object_with(const Json::Value& object, const char* key);

/// RFC 7396 merge as PATCH does it: objects merge, null removes, everything else (arrays) replaces.
void merge_patch(Json::Value& target, const Json::Value& patch);

/// A mistake in an admin request; becomes a 400 with this message.
class BadInput : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

}  // namespace meetlink::standin
