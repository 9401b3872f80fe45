#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "config/setting.hpp"
#include "config/value.hpp"

namespace meetlink::config {

/// One thing that is wrong, or only worth a warning.
struct Problem {
    std::string where;    ///< "meetlinkd.toml:12", "environment"; may be empty
    std::string message;  ///< names the key; never quotes a secret
    std::string hint;     ///< may be empty
};

enum class Origin { none, file, environment };

/// A value as one source gave it.
struct Given {
    RawValue value;
    Origin origin = Origin::none;
    std::string where;  ///< for Problem::where
    std::string
        given_name;  ///< as written there: "tokens.encryption_key_file", "MEETLINK_LOG_LEVEL"
};

/// What one source gives for one setting: the value itself, or the file that holds it.
struct Pair {
    Given value;
    Given file;
};

/// Everything that one source gives, and what it gives wrongly.
struct Source {
    std::map<const Setting*, Pair> given;
    std::vector<Problem> errors;
    std::vector<Problem> warnings;
};

using Environment = std::map<std::string, std::string, std::less<>>;

/// The process's own environment.
[[nodiscard]] Environment current_environment();

/// Reads the TOML file. Unknown keys and sections, and text that is not TOML, are errors.
[[nodiscard]] Source read_file(const std::filesystem::path& path);

/// Reads MEETLINK_<SECTION>_<KEY> and MEETLINK_<SECTION>_<KEY>_FILE. Unknown names of that form are
/// warnings only: a Kubernetes service named "meetlink" makes MEETLINK_SERVICE_HOST and the like.
[[nodiscard]] Source read_environment(const Environment& environment);

}  // namespace meetlink::config
