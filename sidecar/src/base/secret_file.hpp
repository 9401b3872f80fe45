#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <variant>

#include "base/secret.hpp"

namespace meetlink {

struct SecretFile {
    Secret content;               ///< without one newline at the end
    bool world_readable = false;  ///< every user of this machine can read it: worth a warning
};

/// Longest secret file that is read; PEM keys and lists of keys are far below.
inline constexpr std::size_t max_secret_file = std::size_t{64} * 1024;

/// Reads a secret from a regular file or a pipe, or says why not ("no such file or directory"). The
/// content passes through no buffer that is not wiped.
[[nodiscard]] std::variant<SecretFile, std::string> read_secret_file(
    const std::filesystem::path& path);

}  // namespace meetlink
