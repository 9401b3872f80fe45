#pragma once

#include <span>
#include <string>

#include "config/load.hpp"

namespace meetlink::config {

/// One problem on lines of their own: "error: meetlinkd.toml:3: sidecar.lease is ...", then "hint: ...".
[[nodiscard]] std::string render(std::string_view severity, std::span<const Problem> problems);

/// Every setting with its value and where it came from; secrets only as "(set)".
[[nodiscard]] std::string effective_values(const Loaded& loaded);

/// The reference as a Markdown table: a row a key. README.md contains it as it is.
[[nodiscard]] std::string reference();

/// The one row of a key.
[[nodiscard]] std::string reference_row(const Setting& setting);

}  // namespace meetlink::config
