#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace meetlink::config {

/// What the command line asks for.
struct Command {
    std::optional<std::filesystem::path> config_file;  ///< absent: everything from the environment
    bool check = false;      ///< say whether the configuration is valid, and exit
    bool once = false;       ///< work off what is due, and exit
    bool reencrypt = false;  ///< move stored tokens to the current key and cipher, and exit
};

/// The command line was already answered (--help, --version, --print-config-reference), or is wrong.
struct Exit {
    int status = 0;
    std::string out;  ///< for stdout
    std::string err;  ///< for stderr
};

/// Exit status for a wrong command line or configuration; systemd must not restart on it.
inline constexpr int exit_usage = 2;

/// `version` is what --version prints after the program's name.
[[nodiscard]] std::variant<Command, Exit> parse_command_line(int argc, const char* const* argv,
                                                             std::string_view version);

}  // namespace meetlink::config
