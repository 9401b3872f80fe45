#include "provider/token_answer.hpp"

#include <algorithm>
#include <utility>

#include "base/json.hpp"

namespace meetlink::provider {
namespace {

// Keeps sums with it far from overflow; no grant lives longer.
constexpr std::int64_t longest_life = std::int64_t{10} * 366 * 24 * 3600;

std::optional<std::chrono::seconds> life(const Json::Value& json, std::string_view key)
{
    const auto seconds = integer_at(json, {key});
    if (!seconds || *seconds <= 0) {
        return std::nullopt;
    }
    return std::chrono::seconds{std::min(*seconds, longest_life)};
}

/// Visible ASCII, as RFC 6749 appendix A.12 has it.
bool usable(std::string_view token)
{
    return !token.empty() && token.size() <= longest_token &&
           std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

/// `scopes` is separated by spaces (RFC 6749 section 3.3).
bool has_any(std::string_view scopes, std::span<const std::string_view> wanted)
{
    while (!scopes.empty()) {
        const auto end = std::min(scopes.find(' '), scopes.size());
        if (std::ranges::find(wanted, scopes.substr(0, end)) != wanted.end()) {
            return true;
        }
        scopes.remove_prefix(std::min(end + 1, scopes.size()));
    }
    return false;
}

}  // namespace

std::optional<Tokens> read_tokens(const http::Response& response, const NeededScope& needed)
{
    auto json = parse_json(response.body);
    if (!json) {
        return std::nullopt;
    }
    struct Wipe {
        Json::Value& json;
        ~Wipe() { wipe_strings(json); }
    } const wipe{*json};
    std::string access_token = string_at(*json, {"access_token"});
    if (!usable(access_token)) {
        return std::nullopt;
    }
    Tokens tokens;
    tokens.access_token = Secret(std::move(access_token));
    std::string refresh_token = string_at(*json, {"refresh_token"});
    if (usable(refresh_token)) {
        tokens.refresh_token = Secret(std::move(refresh_token));
    }
    tokens.expires_in = life(*json, "expires_in").value_or(default_expires_in);
    tokens.refresh_expires_in = life(*json, "refresh_token_expires_in");
    const std::string scopes = string_at(*json, {"scope"});
    if (!scopes.empty() && !has_any(scopes, needed.any_of)) {
        tokens.foreseen = needed.otherwise;
    }
    return tokens;
}

}  // namespace meetlink::provider
