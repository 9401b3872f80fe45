#pragma once

#include <json/value.h>

#include <optional>
#include <span>
#include <string_view>

namespace meetlink {

/// Parses `text`, which is UTF-8, with Boost.JSON's parser into jsoncpp's values; nothing when it is not JSON. jsoncpp's
/// own parser builds all of it: of a provider's answer nine tenths for nothing, which took a fifth of the daemon's time.
/// members: the only ones that are kept of an object at the top; empty: all.
[[nodiscard]] std::optional<Json::Value> parse_members(std::string_view text,
                                                       std::span<const std::string_view> members);

}  // namespace meetlink
