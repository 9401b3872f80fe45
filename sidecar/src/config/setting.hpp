#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.hpp"

namespace meetlink::config {

/// Where a setting's value lives in Config; its alternative is the setting's type.
using Target =
    std::variant<std::string& (*)(Config&), int& (*)(Config&), double& (*)(Config&),
                 std::chrono::milliseconds& (*)(Config&), std::filesystem::path& (*)(Config&),
                 std::vector<std::string>& (*)(Config&), Secret& (*)(Config&),
                 std::vector<Secret>& (*)(Config&), HttpVersion& (*)(Config&), Cipher& (*)(Config&),
                 LogLevel& (*)(Config&), LogFormat& (*)(Config&)>;

/// What a text must be beyond its type.
enum class Rule { any, conninfo, line, url, listen_address, link_hosts, readable_file, origin };

/// One key of the configuration. The table of these is the only place where keys are named: parsing,
/// environment names, checks, --check, the reference and the test of README.md all follow from it.
struct Setting {
    std::string_view section;
    std::string_view key;
    Target target;
    std::string_view default_text;  ///< as the environment would give it; empty: unset
    std::string_view doc;           ///< one sentence
    Rule rule = Rule::any;
    double least = 0;  ///< range of numbers, and of durations in milliseconds
    double most = 0;

    /// "sidecar.lease"
    [[nodiscard]] std::string name() const;
    /// "MEETLINK_SIDECAR_LEASE"
    [[nodiscard]] std::string environment_name() const;
    [[nodiscard]] bool secret() const;
    [[nodiscard]] bool list() const;
    /// May also come from a file, by `<key>_file`: secrets, and connection strings with their passwords.
    [[nodiscard]] bool from_file() const;
    /// "duration, 1s to 1h"
    [[nodiscard]] std::string type_text() const;
    /// For people: `"30s"`, `["a", "b"]`, or words where the default is not a constant.
    [[nodiscard]] std::string default_for_people() const;
};

/// Every key, in the order of the reference and of the sample configuration.
[[nodiscard]] std::span<const Setting> settings();

[[nodiscard]] const Setting* find_setting(std::string_view section, std::string_view key);

/// The known name that was probably meant; empty when none is near.
[[nodiscard]] std::string nearest(std::string_view name, std::span<const std::string> known);

/// The words of an enumerated setting, in the order of the enumeration.
[[nodiscard]] std::span<const std::string_view> words(const Setting& setting);

}  // namespace meetlink::config
