#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace meetlink::standin {

/// Lets an unordered_map with string keys be searched by string_view without a copy.
struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const
    {
        return std::hash<std::string_view>{}(text);
    }
};
template <typename T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

/// Name and value pairs of a query string or form body, decoded, in their order.
class Parameters {
public:
    explicit Parameters(std::string_view encoded);
    /// The first value of this name; nullopt when absent.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
    [[nodiscard]] std::string_view get(std::string_view name) const
    {
        return find(name).value_or(std::string_view{});
    }
    [[nodiscard]] std::vector<std::string_view> all(std::string_view name) const;

private:
    std::vector<std::pair<std::string, std::string>> pairs_;
};

[[nodiscard]] std::string percent_decode(std::string_view text, bool plus_is_space = false);
/// Splits "/a/b%2Fc" into decoded segments {"a", "b/c"}.
[[nodiscard]] std::vector<std::string> path_segments(std::string_view path);
/// nullopt for anything that is not base64.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);
/// User and password of an `Authorization: Basic` header.
[[nodiscard]] std::optional<std::pair<std::string, std::string>> basic_credentials(
    std::string_view authorization);
/// The token of an `Authorization: Bearer` header, empty when there is none.
[[nodiscard]] std::string_view bearer_token(std::string_view authorization);

/// First 12 hex digits of the SHA-256: tells two secrets apart without showing either. Empty for "".
[[nodiscard]] std::string fingerprint(std::string_view secret);
/// Random characters out of `alphabet`. Not for cryptography.
[[nodiscard]] std::string random_text(std::size_t length, std::string_view alphabet);
inline constexpr std::string_view alphanumeric =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// `word` occurs in `text` and no letter or digit touches it on either side.
[[nodiscard]] bool contains_word(std::string_view text, std::string_view word);
/// A decimal number that fills the whole text.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);

}  // namespace meetlink::standin
