#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "config/config.hpp"
#include "config/setting.hpp"

namespace meetlink::config {

/// What is wrong with a value. It never quotes a secret.
struct BadValue {
    std::string message;  ///< continues "<key> ..."
    std::string hint;     ///< what to write instead, may be empty
};

/// How a source wrote a value: the environment has only text, TOML has types.
enum class Shape { text, string, list, integer, number, other };

/// A value before it is understood. Everything is held as a Secret until the key says what it is.
struct RawValue {
    Shape shape = Shape::text;
    std::vector<Secret> items;  ///< one, or the items of a list
};

/// Understands `raw` as the type of `setting` and stores it in `config`; or says what is wrong.
[[nodiscard]] std::optional<BadValue> assign(const Setting& setting, const RawValue& raw,
                                             Config& config);

/// The value as TOML for people; a secret is "(set)", and so is a conninfo that holds a password.
[[nodiscard]] std::string show(const Setting& setting, const Config& config);

/// The value in `config` counts as not given: an empty text or list.
[[nodiscard]] bool is_unset(const Setting& setting, const Config& config);

/// The items of a comma-separated list, without spaces around them; an empty text has none.
[[nodiscard]] std::vector<std::string_view> split_list(std::string_view text);

/// 100, 0.5
[[nodiscard]] std::string number_text(double value);

struct ListenAddress {
    std::string host;        ///< an IP address without brackets; "localhost" has become 127.0.0.1
    std::uint16_t port = 0;  ///< 0: any free port
    bool loopback = false;
};

/// Reads "127.0.0.1:8787", "[::1]:8787" and "localhost:8787".
[[nodiscard]] std::optional<ListenAddress> parse_listen(std::string_view text);

}  // namespace meetlink::config
