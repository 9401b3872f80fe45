#include "base/json_encoding.hpp"

#include <array>
#include <cstdint>

namespace meetlink {
namespace {

constexpr std::uint32_t replacement = 0xFFFD;

struct Encoding {
    std::size_t width = 1;  ///< bytes of a code unit
    bool big_endian = false;
    std::size_t mark = 0;  ///< length of the byte order mark
};

Encoding encoding_of(std::string_view text)
{
    using namespace std::string_view_literals;
    struct Mark {
        std::string_view bytes;
        Encoding encoding;
    };
    static constexpr std::array marks{
        Mark{"\xEF\xBB\xBF"sv, {1, false, 3}}, Mark{"\xFF\xFE\0\0"sv, {4, false, 4}},
        Mark{"\0\0\xFE\xFF"sv, {4, true, 4}},  Mark{"\xFF\xFE"sv, {2, false, 2}},
        Mark{"\xFE\xFF"sv, {2, true, 2}},
    };
    for (const Mark& mark : marks) {
        if (text.starts_with(mark.bytes)) {
            return mark.encoding;
        }
    }
    if (text.size() < 4) {
        return {};
    }
    const auto zero = [&](std::size_t n) { return text[n] == '\0'; };
    if (zero(0) && !zero(1)) {
        return {2, true, 0};
    }
    if (zero(0)) {
        return {4, true, 0};
    }
    if (zero(1)) {
        return {zero(2) ? std::size_t{4} : std::size_t{2}, false, 0};
    }
    return {};
}

std::uint32_t unit_at(std::string_view text, std::size_t at, const Encoding& encoding)
{
    std::uint32_t unit = 0;
    for (std::size_t n = 0; n < encoding.width; ++n) {
        const std::size_t place = encoding.big_endian ? n : encoding.width - 1 - n;
        unit = unit << 8 | static_cast<unsigned char>(text[at + place]);
    }
    return unit;
}

void append_utf8(std::string& to, std::uint32_t point)
{
    if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) {
        point = replacement;
    }
    const auto byte = [&](std::uint32_t value) { to += static_cast<char>(value); };
    const auto tail = [&](int shift) { byte(0x80 | (point >> shift & 0x3F)); };
    if (point < 0x80) {
        byte(point);
    } else if (point < 0x800) {
        byte(0xC0 | point >> 6);
        tail(0);
    } else if (point < 0x10000) {
        byte(0xE0 | point >> 12);
        tail(6);
        tail(0);
    } else {
        byte(0xF0 | point >> 18);
        tail(12);
        tail(6);
        tail(0);
    }
}

}  // namespace

std::optional<std::string> json_as_utf8(std::string_view text)
{
    const Encoding encoding = encoding_of(text);
    text.remove_prefix(encoding.mark);
    if (encoding.width == 1) {
        return encoding.mark > 0 ? std::optional{std::string{text}} : std::nullopt;
    }
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t at = 0; at + encoding.width <= text.size(); at += encoding.width) {
        std::uint32_t point = unit_at(text, at, encoding);
        const std::size_t next = at + encoding.width;
        if (encoding.width == 2 && point >= 0xD800 && point < 0xDC00 &&
            next + encoding.width <= text.size()) {
            const std::uint32_t low = unit_at(text, next, encoding);
            if (low >= 0xDC00 && low < 0xE000) {
                point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
                at = next;
            }
        }
        append_utf8(decoded, point);
    }
    return decoded;
}

}  // namespace meetlink
