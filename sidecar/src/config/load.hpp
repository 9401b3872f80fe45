#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/config.hpp"
#include "config/source.hpp"

namespace meetlink::config {

struct Loaded {
    Config config;
    std::vector<Problem> warnings;
    std::map<const Setting*, std::string>
        origins;  ///< only what is not a default: file:line, variable
};

/// Everything that is wrong, not only the first thing.
struct Errors {
    std::vector<Problem> errors;
    std::vector<Problem> warnings;
};

/// Puts the configuration together: defaults, then the file (if any), then the environment; each value
/// replaces the one before. A secret given both directly and as `<key>_file` by one source is an error.
/// TOKEN_ENCRYPTION_KEY is used when nothing sets tokens.encryption_key.
///
///     config::load(command.config_file, config::current_environment())
[[nodiscard]] std::variant<Loaded, Errors> load(const std::optional<std::filesystem::path>& file,
                                                const Environment& environment);

}  // namespace meetlink::config
