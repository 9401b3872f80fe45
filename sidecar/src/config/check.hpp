#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/source.hpp"

namespace meetlink::config {

struct Findings {
    std::vector<Problem> errors;
    std::vector<Problem> warnings;
};

/// Where a setting was given (empty: nowhere), or nothing when its value was refused: then it is not
/// reported again as missing.
using Place = std::function<std::optional<std::string>(const Setting&)>;

/// The rules that concern more than one key, and what must not be missing.
[[nodiscard]] Findings check(const Config& config, const Place& place);

}  // namespace meetlink::config
