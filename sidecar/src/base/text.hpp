#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace meetlink {

/// Lower-case hexadecimal, two digits a byte.
[[nodiscard]] std::string hex(std::string_view bytes);
/// The bytes of a hexadecimal text of either case; nothing when the length is odd or a character is not a digit.
[[nodiscard]] std::optional<std::string> unhex(std::string_view text);

/// RFC 4648 section 4, with padding.
[[nodiscard]] std::string base64(std::string_view bytes);

/// RFC 4648 section 7 in lower case without padding: only 0-9 and a-v, as Google's event ids demand
/// (PROVIDERS.md 1.6).
[[nodiscard]] std::string base32hex(std::string_view bytes);

/// RFC 3986: everything but letters, digits and "-._~" becomes %XX.
[[nodiscard]] std::string percent_encode(std::string_view text);

/// Equal without regard to the case of ASCII letters, whatever the locale.
[[nodiscard]] bool equal_ignoring_case(std::string_view left, std::string_view right);
[[nodiscard]] std::string ascii_lower(std::string_view text);

/// Whether `text` contains `part` in any mixture of ASCII cases.
[[nodiscard]] bool contains_ignoring_case(std::string_view text, std::string_view part);

/// Without spaces and tabs at both ends.
[[nodiscard]] std::string_view trim(std::string_view text);

/// Valid UTF-8 on one line: each broken byte becomes U+FFFD; each run of white space, control and
/// bidirectional formatting characters becomes one space; none is left at the ends.
[[nodiscard]] std::string one_line(std::string_view text);

/// At most `max_bytes` of valid UTF-8, cut between characters; a cut text ends in "...".
[[nodiscard]] std::string truncate_bytes(std::string_view text, std::size_t max_bytes);

/// At most `max_characters` code points of valid UTF-8.
[[nodiscard]] std::string truncate_characters(std::string_view text, std::size_t max_characters);

}  // namespace meetlink
