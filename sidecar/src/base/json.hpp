#pragma once

#include <json/value.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace meetlink {

/// Reading of JSON that strangers wrote: nothing here throws, and a value of the wrong type is an
/// absent one.

/// The object or array in `text`, in UTF-8 or what json_as_utf8() recognises; nothing when it is not JSON,
/// is nested deeper than 64 levels, or has anything after its end. members: all that is kept of an object, where
/// there are many others; empty: every one. A control character in a string, which JSON forbids, is read as a space.
[[nodiscard]] std::optional<Json::Value> parse_json(std::string_view text,
                                                    std::span<const std::string_view> members = {});

/// Overwrites every string in it: jsoncpp gives memory back as it is. Afterwards it is fit for its end only.
void wipe_strings(Json::Value& value) noexcept;

/// Compact, pure ASCII.
[[nodiscard]] std::string write_json(const Json::Value& value);

/// The value at the end of a path of object keys; null when a step is missing or is not an object.
[[nodiscard]] const Json::Value& at(const Json::Value& value,
                                    std::initializer_list<std::string_view> path);

/// The string at the end of the path, empty when there is none.
[[nodiscard]] std::string string_at(const Json::Value& value,
                                    std::initializer_list<std::string_view> path);

/// The whole number at the end of the path; a number in a string counts, as some providers send it.
[[nodiscard]] std::optional<std::int64_t> integer_at(const Json::Value& value,
                                                     std::initializer_list<std::string_view> path);

}  // namespace meetlink
