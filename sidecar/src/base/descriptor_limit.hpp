#pragma once

#include <cstddef>

namespace meetlink {

/// Raises this process's limit of open files to `wanted`, or as far as it may; returns the limit. The usual one, 1024, is for
/// programs that call select().
[[nodiscard]] std::size_t allow_descriptors(std::size_t wanted) noexcept;

}  // namespace meetlink
