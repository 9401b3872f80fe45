#include "clock.hpp"

#include <array>
#include <charconv>

namespace meetlink::standin {

namespace {

using std::chrono::days;

struct Civil {
    std::chrono::year_month_day date;
    std::chrono::hh_mm_ss<std::chrono::microseconds> clock;
    unsigned weekday;
};

Civil civil(Time time)
{
    const auto day = std::chrono::floor<days>(time);
    return {std::chrono::year_month_day{day},
            std::chrono::hh_mm_ss<std::chrono::microseconds>{time - day},
            std::chrono::weekday{day}.c_encoding()};
}

/// Writes `value` over the `digits` characters of `text` from `at`.
void put_number(std::string& text, std::size_t at, std::size_t digits, int value)
{
    for (; digits > 0; value /= 10) text[at + --digits] = static_cast<char>('0' + value % 10);
}

/// Writes "10:00:00" over `text` from `at`.
void put_clock(std::string& text, std::size_t at,
               const std::chrono::hh_mm_ss<std::chrono::microseconds>& clock)
{
    put_number(text, at, 2, static_cast<int>(clock.hours().count()));
    put_number(text, at + 3, 2, static_cast<int>(clock.minutes().count()));
    put_number(text, at + 6, 2, static_cast<int>(clock.seconds().count()));
}

/// Takes `digits` decimal digits off the front of `text`.
std::optional<int> take_number(std::string_view& text, std::size_t digits)
{
    int value = 0;
    if (text.size() < digits) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
    if (error != std::errc{} || end != text.data() + digits || value < 0) return std::nullopt;
    text.remove_prefix(digits);
    return value;
}

bool take(std::string_view& text, char expected)
{
    if (text.empty() || text.front() != expected) return false;
    text.remove_prefix(1);
    return true;
}

/// The offset from UTC at the end of an RFC 3339 time.
std::optional<std::chrono::minutes> parse_offset(std::string_view text)
{
    if (text.empty() || text == "Z" || text == "z") return std::chrono::minutes{0};
    const int sign = text.front() == '-' ? -1 : 1;
    if (!take(text, '+') && !take(text, '-')) return std::nullopt;
    const auto hours = take_number(text, 2);
    if (!hours || !take(text, ':')) return std::nullopt;
    const auto minutes = take_number(text, 2);
    if (!minutes || !text.empty()) return std::nullopt;
    return sign * (std::chrono::hours{*hours} + std::chrono::minutes{*minutes});
}

}  // namespace

// By hand: each answer has two or three of these, and printf would take most of their time.

std::string iso_time(Time time)
{
    const auto [date, clock, weekday] = civil(time);
    std::string text = "YYYY-MM-DDThh:mm:ssZ";
    put_number(text, 0, 4, static_cast<int>(date.year()));
    put_number(text, 5, 2, static_cast<int>(static_cast<unsigned>(date.month())));
    put_number(text, 8, 2, static_cast<int>(static_cast<unsigned>(date.day())));
    put_clock(text, 11, clock);
    return text;
}

std::string iso_time_ms(Time time)
{
    std::string text = iso_time(time);
    text.back() = '.';
    text += "mmmZ";
    put_number(text, 20, 3, static_cast<int>(civil(time).clock.subseconds().count() / 1000));
    return text;
}

std::string http_date(Time time)
{
    constexpr std::array weekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto [date, clock, weekday] = civil(time);
    std::string text = "www, DD mmm YYYY hh:mm:ss GMT";
    text.replace(0, 3, weekdays.at(weekday));
    put_number(text, 5, 2, static_cast<int>(static_cast<unsigned>(date.day())));
    text.replace(8, 3, months.at(static_cast<unsigned>(date.month()) - 1));
    put_number(text, 12, 4, static_cast<int>(date.year()));
    put_clock(text, 17, clock);
    return text;
}

std::optional<Time> parse_time(std::string_view text)
{
    const auto year = take_number(text, 4);
    if (!year || !take(text, '-')) return std::nullopt;
    const auto month = take_number(text, 2);
    if (!month || !take(text, '-')) return std::nullopt;
    const auto day = take_number(text, 2);
    if (!day || !(take(text, 'T') || take(text, 't'))) return std::nullopt;
    const auto hour = take_number(text, 2);
    if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
    const auto minute = take_number(text, 2);
    if (!minute || *minute > 59 || !take(text, ':')) return std::nullopt;
    const auto second = take_number(text, 2);
    if (!second || *second > 60) return std::nullopt;
    if (take(text, '.')) {
        while (!text.empty() && text.front() >= '0' && text.front() <= '9') text.remove_prefix(1);
    }
    const auto offset = parse_offset(text);
    const std::chrono::year_month_day date{std::chrono::year{*year},
                                           std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    if (!offset || !date.ok()) return std::nullopt;
    return std::chrono::sys_days{date} + std::chrono::hours{*hour} + std::chrono::minutes{*minute} +
           seconds{*second} - *offset;
}

Time next_utc_midnight(Time now)
{
    return std::chrono::floor<days>(now) + days{1};
}

}  // namespace meetlink::standin
