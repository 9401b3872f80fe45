#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/source.hpp"
#include "http/authorities.hpp"

namespace meetlink::config {

struct Findings {
    std::vector<Problem> errors;
    std::vector<Problem> warnings;
};

/// Where a setting was given (empty: nowhere), or nothing when its value was refused: then it is not
/// reported again as missing.
using Place = std::function<std::optional<std::string>(const Setting&)>;

/// The rules that concern more than one key, and what must not be missing. `system_authorities` are those
/// that are trusted unless tls.ca_file names others; empty: they are not in a file.
[[nodiscard]] Findings check(const Config& config, const Place& place,
                             std::filesystem::path system_authorities = http::system_authorities());

}  // namespace meetlink::config
