#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace meetlink::provider {

/// 32 characters 0-9a-v that stand for `parts`: 160 bits of their SHA-256. The parts are kept apart by
/// a byte that no text in PostgreSQL can contain, so ("a", "bc") and ("ab", "c") differ.
[[nodiscard]] std::string fingerprint(std::initializer_list<std::string_view> parts);

}  // namespace meetlink::provider
