#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace meetlink {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

constexpr char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char l = lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

constexpr bool unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/// Groups the bits of `bytes` in units of `bits`, most significant first, and looks each one up.
std::string encode_bits(std::string_view bytes, unsigned bits, std::string_view alphabet)
{
    std::string text;
    text.reserve(bytes.size() * 8 / bits + 1);
    std::uint32_t buffer = 0;
    unsigned held = 0;
    const std::uint32_t mask = (1U << bits) - 1;
    for (const char byte : bytes) {
        buffer = (buffer << 8) | static_cast<unsigned char>(byte);
        held += 8;
        while (held >= bits) {
            held -= bits;
            text += alphabet[(buffer >> held) & mask];
        }
    }
    if (held > 0) {
        text += alphabet[(buffer << (bits - held)) & mask];
    }
    return text;
}

struct Character {
    char32_t code_point = 0;
    std::size_t size = 1;
    bool valid = false;
};

/// The character that starts at `at`: shortest form only, no surrogates, at most U+10FFFF (RFC 3629).
Character character_at(std::string_view text, std::size_t at)
{
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(at);
    if (lead < 0x80) {
        return {lead, 1, true};
    }
    std::size_t size = 0;
    char32_t value = 0;
    char32_t smallest = 0;
    if ((lead & 0xE0) == 0xC0) {
        size = 2;
        value = lead & 0x1FU;
        smallest = 0x80;
    } else if ((lead & 0xF0) == 0xE0) {
        size = 3;
        value = lead & 0x0FU;
        smallest = 0x800;
    } else if ((lead & 0xF8) == 0xF0) {
        size = 4;
        value = lead & 0x07U;
        smallest = 0x10000;
    } else {
        return {};
    }
    if (at + size > text.size()) {
        return {};
    }
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(at + i) & 0xC0) != 0x80) {
            return {};
        }
        value = (value << 6) | (byte(at + i) & 0x3FU);
    }
    if (value < smallest || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
        return {};
    }
    return {value, size, true};
}

/// Control characters, white space, and what reorders or hides the text around it.
constexpr bool blank(char32_t c)
{
    return c <= 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0x061C || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x2069) || c == 0xFEFF;
}

}  // namespace

std::string hex(std::string_view bytes)
{
    return encode_bits(bytes, 4, hex_digits);
}

std::optional<std::string> unhex(std::string_view text)
{
    if (text.size() % 2 != 0) {
        return std::nullopt;
    }
    std::string bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_value(text[i]);
        const int low = hex_value(text[i + 1]);
        if (high < 0 || low < 0) {
            return std::nullopt;
        }
        bytes += static_cast<char>(high * 16 + low);
    }
    return bytes;
}

std::string base64(std::string_view bytes)
{
    std::string text =
        encode_bits(bytes, 6, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    text.append((4 - text.size() % 4) % 4, '=');
    return text;
}

std::string base32hex(std::string_view bytes)
{
    return encode_bits(bytes, 5, "0123456789abcdefghijklmnopqrstuv");
}

std::string percent_encode(std::string_view text)
{
    constexpr std::string_view upper_digits = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size());
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (unreserved(byte)) {
            encoded += c;
        } else {
            encoded += '%';
            encoded += upper_digits[byte >> 4];
            encoded += upper_digits[byte & 0x0F];
        }
    }
    return encoded;
}

bool equal_ignoring_case(std::string_view left, std::string_view right)
{
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](char a, char b) { return lower(a) == lower(b); });
}

std::string ascii_lower(std::string_view text)
{
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), lower);
    return result;
}

bool contains_ignoring_case(std::string_view text, std::string_view part)
{
    return std::search(text.begin(), text.end(), part.begin(), part.end(),
                       [](char a, char b) { return lower(a) == lower(b); }) != text.end() ||
           part.empty();
}

std::string_view trim(std::string_view text)
{
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string one_line(std::string_view text)
{
    std::string line;
    line.reserve(text.size());
    bool gap = false;
    for (std::size_t at = 0; at < text.size();) {
        const Character c = character_at(text, at);
        if (c.valid && blank(c.code_point)) {
            gap = true;
        } else {
            if (gap && !line.empty()) {
                line += ' ';
            }
            gap = false;
            line += c.valid ? text.substr(at, c.size) : std::string_view("\xEF\xBF\xBD");
        }
        at += c.size;
    }
    return line;
}

std::string truncate_bytes(std::string_view text, std::size_t max_bytes)
{
    if (text.size() <= max_bytes) {
        return std::string(text);
    }
    constexpr std::string_view ellipsis = "...";
    std::size_t end = max_bytes > ellipsis.size() ? max_bytes - ellipsis.size() : 0;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
        --end;
    }
    return std::string(text.substr(0, end)).append(ellipsis.substr(0, max_bytes));
}

std::string truncate_characters(std::string_view text, std::size_t max_characters)
{
    std::size_t at = 0;
    for (std::size_t count = 0; at < text.size() && count < max_characters; ++count) {
        at += character_at(text, at).size;
    }
    return std::string(text.substr(0, at));
}

}  // namespace meetlink
