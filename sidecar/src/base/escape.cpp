#include "base/escape.hpp"

#include <algorithm>
#include <cstddef>

namespace meetlink {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

/// Length of the UTF-8 sequence at the start of `text` (RFC 3629), 0 when it is not valid.
std::size_t sequence_length(std::string_view text)
{
    const auto byte = [text](std::size_t i) -> unsigned {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto continues = [&byte](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
    const unsigned first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF) {
        return continues(1) ? 2 : 0;
    }
    if (first >= 0xE0 && first <= 0xEF) {
        const unsigned lowest = first == 0xE0 ? 0xA0 : 0x80;   // no overlong form
        const unsigned highest = first == 0xED ? 0x9F : 0xBF;  // no surrogate
        return byte(1) >= lowest && byte(1) <= highest && continues(2) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        const unsigned lowest = first == 0xF0 ? 0x90 : 0x80;
        const unsigned highest = first == 0xF4 ? 0x8F : 0xBF;  // nothing above U+10FFFF
        return byte(1) >= lowest && byte(1) <= highest && continues(2) && continues(3) ? 4 : 0;
    }
    return 0;
}

void append_unicode_escape(std::string& out, unsigned code)
{
    constexpr std::string_view digits = "0123456789abcdef";
    out += "\\u00";
    out += digits[(code >> 4) & 15];
    out += digits[code & 15];
}

void append_control(std::string& out, unsigned char c)
{
    switch (c) {
        case '\n':
            out += "\\n";
            break;
        case '\r':
            out += "\\r";
            break;
        case '\t':
            out += "\\t";
            break;
        default:
            append_unicode_escape(out, c);
    }
}

/// Nothing to be escaped, by whichever function.
bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

void append_escaped(std::string& out, std::string_view text, bool quoted)
{
    for (std::size_t i = 0; i < text.size();) {
        if (is_plain(text[i])) {
            const auto* const end = std::find_if_not(text.begin() + i, text.end(), is_plain);
            const auto length = static_cast<std::size_t>(end - (text.begin() + i));
            out.append(text, i, length);
            i += length;
            continue;
        }
        const auto c = static_cast<unsigned char>(text[i]);
        const std::size_t length = sequence_length(text.substr(i));
        if (length == 0) {
            out += replacement;
            ++i;
            continue;
        }
        if (c < 0x20 || c == 0x7F) {
            append_control(out, c);
        } else if (c == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
            append_unicode_escape(out, static_cast<unsigned char>(text[i + 1]));  // C1: U+0080..9F
        } else {
            if (quoted && (c == '"' || c == '\\')) {
                out += '\\';
            }
            out.append(text, i, length);
        }
        i += length;
    }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text)
{
    out += '"';
    append_escaped(out, text, true);
    out += '"';
}

void append_printable(std::string& out, std::string_view text)
{
    append_escaped(out, text, false);
}

}  // namespace meetlink
