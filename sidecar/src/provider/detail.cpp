#include "provider/detail.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace meetlink::provider {
namespace {

constexpr std::string_view redacted = "[redacted]";
// Longer than any word or number that people write, shorter than any token that guards something.
constexpr std::size_t shortest_token = 20;
constexpr std::size_t shortest_token_without_digits = 40;
// Nobody reads more; and a megabyte of error message must not cost a megabyte of scanning.
constexpr std::size_t longest_words = 4096;

constexpr bool digit(char c)
{
    return c >= '0' && c <= '9';
}

constexpr bool token_character(char c)
{
    return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.' || c == '~' || c == '+' || c == '/' || c == '=' || c == '%';
}

bool looks_like_a_token(std::string_view run)
{
    if (run.size() >= shortest_token && std::any_of(run.begin(), run.end(), digit)) {
        return true;
    }
    // host names, paths and scopes have separators, and are worth reading
    return run.size() >= shortest_token_without_digits &&
           run.find_first_of("./") == std::string_view::npos;
}

/// Whether the text so far ends in a name after which a secret follows.
bool announces_secret(std::string_view before)
{
    constexpr std::array<std::string_view, 8> names{"bearer",        "basic",        "access_token",
                                                    "refresh_token", "zak",          "pwd",
                                                    "id_token",      "client_secret"};
    const auto end = before.find_last_not_of(" :=\"'");
    if (end == std::string_view::npos || end + 1 == before.size()) {
        return false;
    }
    const std::string_view word = before.substr(0, end + 1);
    return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
        return word.size() >= name.size() &&
               equal_ignoring_case(word.substr(word.size() - name.size()), name);
    });
}

/// Ordinary words that follow "bearer" or "access_token" in sentences.
bool harmless(std::string_view run)
{
    return run.size() <= 12 &&
           std::all_of(run.begin(), run.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

std::string redact(std::string_view text)
{
    std::string result;
    for (std::size_t at = 0; at < text.size();) {
        if (!token_character(text[at])) {
            result += text[at++];
            continue;
        }
        std::size_t end = at;
        while (end < text.size() && token_character(text[end])) {
            ++end;
        }
        std::string_view run = text.substr(at, end - at);
        // "access_token=abc" is one run: keep the name, judge the value by it
        const auto equals = run.find('=');
        if (equals != std::string_view::npos && announces_secret(run.substr(0, equals + 1))) {
            result.append(run.substr(0, equals + 1));
            run.remove_prefix(equals + 1);
        }
        const bool secret = looks_like_a_token(run) || (announces_secret(result) && !harmless(run));
        result.append(secret && !run.empty() ? redacted : run);
        at = end;
    }
    return result;
}

}  // namespace

std::string clean_words(std::string_view words)
{
    return redact(one_line(truncate_bytes(words, longest_words)));
}

std::string clean_code(std::string_view code)
{
    const bool word =
        code.size() <= 64 && !code.empty() && std::all_of(code.begin(), code.end(), [](char c) {
            return token_character(c) && c != '=' && c != '%';
        });
    return word && !looks_like_a_token(code) ? std::string(code) : std::string();
}

std::string detail_of(const http::Response& response, std::string_view code, std::string_view words)
{
    std::string line;
    if (response.fault != http::Fault::none) {
        line = "no answer";
    } else {
        line = "HTTP " + std::to_string(response.status);
    }
    if (const std::string short_code = clean_code(code); !short_code.empty()) {
        line += ' ' + short_code;
    }
    if (!response.host.empty()) {
        line += " from " + response.host;
    }
    const std::string said =
        clean_words(response.fault == http::Fault::none ? words : response.fault_detail);
    if (!said.empty()) {
        line += ": " + said;
    }
    return truncate_bytes(line, longest_detail);
}

}  // namespace meetlink::provider
