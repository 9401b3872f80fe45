#include "log/line.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <type_traits>

#include "base/escape.hpp"

namespace meetlink::log {
namespace {

constexpr std::array<std::string_view, 5> json_levels{"trace", "debug", "info", "warning", "error"};
constexpr std::array<std::string_view, 5> text_levels{"TRACE", "DEBUG", "INFO ", "WARN ", "ERROR"};

void append_padded(std::string& out, int value, int width)
{
    const std::string digits = std::to_string(value);
    out.append(static_cast<std::size_t>(std::max(0, width - static_cast<int>(digits.size()))), '0');
    out += digits;
}

/// RFC 3339 in UTC with milliseconds.
void append_time(std::string& out, std::chrono::system_clock::time_point time, char separator)
{
    using namespace std::chrono;
    const auto day = floor<days>(time);
    const year_month_day date(day);
    const hh_mm_ss clock(floor<milliseconds>(time - day));
    append_padded(out, static_cast<int>(date.year()), 4);
    out += '-';
    append_padded(out, static_cast<int>(static_cast<unsigned>(date.month())), 2);
    out += '-';
    append_padded(out, static_cast<int>(static_cast<unsigned>(date.day())), 2);
    out += separator;
    append_padded(out, static_cast<int>(clock.hours().count()), 2);
    out += ':';
    append_padded(out, static_cast<int>(clock.minutes().count()), 2);
    out += ':';
    append_padded(out, static_cast<int>(clock.seconds().count()), 2);
    out += '.';
    append_padded(out, static_cast<int>(clock.subseconds().count()), 3);
    out += 'Z';
}

template <typename Number>
void append_number(std::string& out, Number number)
{
    std::array<char, 32> buffer{};
    char* end = nullptr;
    if constexpr (std::is_floating_point_v<Number>) {
        // six significant digits: measurements, not ledgers
        end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number,
                            std::chars_format::general, 6)
                  .ptr;
    } else {
        end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
    }
    out.append(buffer.data(), end);
}

void append_json(std::string& out, const Value& value)
{
    std::visit(
        [&out](auto held) {
            using T = decltype(held);
            if constexpr (std::is_same_v<T, std::string_view>) {
                append_json_string(out, held);
            } else if constexpr (std::is_same_v<T, bool>) {
                out += held ? "true" : "false";
            } else if constexpr (std::is_same_v<T, double>) {
                if (std::isfinite(held)) {
                    append_number(out, held);
                } else {
                    out += "null";  // JSON has no word for it
                }
            } else {
                append_number(out, held);
            }
        },
        value.held());
}

void append_text(std::string& out, const Value& value)
{
    if (const auto* text = std::get_if<std::string_view>(&value.held())) {
        if (text->empty() || text->find_first_of(" ()=\"") != std::string_view::npos) {
            append_json_string(out, *text);
        } else {
            append_printable(out, *text);
        }
    } else {
        append_json(out, value);
    }
}

}  // namespace

std::string json_line(const Line& line)
{
    std::string out;
    out.reserve(256);
    out += R"({"ts":")";
    append_time(out, line.time, 'T');
    out += R"(","level":")";
    out += json_levels[static_cast<std::size_t>(line.level)];
    out += R"(","event":)";
    append_json_string(out, line.event);
    out += R"(,"message":)";
    append_json_string(out, line.message);
    for (const Field& field : line.fields) {
        out += ',';
        append_json_string(out, field.key);
        out += ':';
        append_json(out, field.value);
    }
    out += '}';
    return out;
}

std::string text_line(const Line& line)
{
    std::string out;
    out.reserve(256);
    append_time(out, line.time, ' ');
    out += ' ';
    out += text_levels[static_cast<std::size_t>(line.level)];
    out += ' ';
    append_printable(out, line.event);
    out += ": ";
    append_printable(out, line.message);
    char before = '(';
    for (const Field& field : line.fields) {
        out += before == '(' ? " (" : " ";
        before = ' ';
        append_printable(out, field.key);
        out += '=';
        append_text(out, field.value);
    }
    if (before == ' ') {
        out += ')';
    }
    return out;
}

}  // namespace meetlink::log
