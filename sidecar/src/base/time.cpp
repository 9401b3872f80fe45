#include "base/time.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/text.hpp"

namespace meetlink {
namespace {

using namespace std::chrono;

/// Reads a text from left to right; once something does not fit, `ok` stays false.
class Scanner {
public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] bool at_end() const { return rest_.empty(); }
    [[nodiscard]] char peek() const { return rest_.empty() ? '\0' : rest_.front(); }

    int digits(std::size_t count)
    {
        if (rest_.size() < count) {
            return fail();
        }
        int value = 0;
        for (const char c : rest_.substr(0, count)) {
            if (c < '0' || c > '9') {
                return fail();
            }
            value = value * 10 + (c - '0');
        }
        rest_.remove_prefix(count);
        return value;
    }

    /// One character out of `accepted`.
    char any_of(std::string_view accepted)
    {
        if (rest_.empty() || accepted.find(rest_.front()) == std::string_view::npos) {
            fail();
            return '\0';
        }
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }

    void literal(std::string_view expected)
    {
        if (rest_.substr(0, expected.size()) != expected) {
            fail();
            return;
        }
        rest_.remove_prefix(expected.size());
    }

    void skip_digits()
    {
        rest_.remove_prefix(std::min(rest_.find_first_not_of("0123456789"), rest_.size()));
    }

    void skip_letters()
    {
        while (!rest_.empty() &&
               ((peek() >= 'a' && peek() <= 'z') || (peek() >= 'A' && peek() <= 'Z'))) {
            rest_.remove_prefix(1);
        }
    }

    unsigned month_name()
    {
        constexpr std::array<std::string_view, 12> names{"jan", "feb", "mar", "apr", "may", "jun",
                                                         "jul", "aug", "sep", "oct", "nov", "dec"};
        for (unsigned i = 0; i < names.size(); ++i) {
            if (equal_ignoring_case(rest_.substr(0, 3), names[i])) {
                rest_.remove_prefix(3);
                return i + 1;
            }
        }
        fail();
        return 1;
    }

private:
    int fail()
    {
        ok_ = false;
        return 0;
    }

    std::string_view rest_;
    bool ok_ = true;
};

struct Clock {
    int hour = 0;
    int minute = 0;
    int second = 0;
};

Clock clock_of(Scanner& scan)
{
    Clock clock;
    clock.hour = scan.digits(2);
    scan.literal(":");
    clock.minute = scan.digits(2);
    scan.literal(":");
    clock.second = scan.digits(2);
    return clock;
}

std::optional<sys_seconds> moment(int year_number, unsigned month_number, int day_number,
                                  Clock clock)
{
    const year_month_day date{year{year_number}, month{month_number},
                              day{static_cast<unsigned>(day_number)}};
    // 60 is a leap second, counted as the first of the next minute
    if (!date.ok() || clock.hour > 23 || clock.minute > 59 || clock.second > 60) {
        return std::nullopt;
    }
    return sys_days{date} + hours{clock.hour} + minutes{clock.minute} + seconds{clock.second};
}

/// RFC 9110: a two-digit year more than 50 years ahead is one of the past century.
int full_year(int two_digits)
{
    const year_month_day today{floor<days>(system_clock::now())};
    const int century = static_cast<int>(today.year()) / 100 * 100;
    const int candidate = century + two_digits;
    return candidate > static_cast<int>(today.year()) + 50 ? candidate - 100 : candidate;
}

}  // namespace

std::string rfc3339(sys_seconds time)
{
    const auto midnight = floor<days>(time);
    const year_month_day date{midnight};
    const hh_mm_ss clock{time - midnight};
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ",
                  static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                  static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    return text.data();
}

std::optional<sys_seconds> parse_rfc3339(std::string_view text)
{
    Scanner scan(trim(text));
    const int year_number = scan.digits(4);
    scan.literal("-");
    const int month_number = scan.digits(2);
    scan.literal("-");
    const int day_number = scan.digits(2);
    scan.any_of("Tt ");
    const Clock clock = clock_of(scan);
    if (scan.ok() && scan.peek() == '.') {
        scan.literal(".");
        scan.digits(1);
        scan.skip_digits();
    }
    minutes offset{};
    if (scan.ok() && !scan.at_end()) {
        const char sign = scan.any_of("Zz+-");
        if (sign == '+' || sign == '-') {
            const int offset_hours = scan.digits(2);
            if (scan.peek() == ':') {
                scan.literal(":");
            }
            const int offset_minutes = scan.digits(2);
            if (offset_hours > 23 || offset_minutes > 59) {
                return std::nullopt;
            }
            offset = (hours{offset_hours} + minutes{offset_minutes}) * (sign == '-' ? -1 : 1);
        }
    }
    if (!scan.ok() || !scan.at_end()) {
        return std::nullopt;
    }
    const auto local = moment(year_number, static_cast<unsigned>(month_number), day_number, clock);
    return local ? std::optional(*local - offset) : std::nullopt;
}

std::optional<sys_seconds> parse_http_date(std::string_view text)
{
    Scanner scan(trim(text));
    scan.skip_letters();  // the day's name tells nothing that the date does not
    int year_number = 0;
    unsigned month_number = 1;
    int day_number = 0;
    Clock clock;
    if (scan.peek() == ',') {
        scan.literal(", ");
        day_number = scan.digits(2);
        const bool obsolete = scan.any_of(" -") == '-';
        month_number = scan.month_name();
        if (obsolete) {  // RFC 850: "Sunday, 06-Nov-94 08:49:37 GMT"
            scan.literal("-");
            year_number = full_year(scan.digits(2));
        } else {  // IMF-fixdate: "Sun, 06 Nov 1994 08:49:37 GMT"
            scan.literal(" ");
            year_number = scan.digits(4);
        }
        scan.literal(" ");
        clock = clock_of(scan);
        scan.literal(" GMT");
    } else {  // asctime: "Sun Nov  6 08:49:37 1994"
        scan.literal(" ");
        month_number = scan.month_name();
        scan.literal(" ");
        if (scan.peek() == ' ') {
            scan.literal(" ");
            day_number = scan.digits(1);
        } else {
            day_number = scan.digits(2);
        }
        scan.literal(" ");
        clock = clock_of(scan);
        scan.literal(" ");
        year_number = scan.digits(4);
    }
    if (!scan.ok() || !scan.at_end()) {
        return std::nullopt;
    }
    return moment(year_number, month_number, day_number, clock);
}

sys_seconds next_utc_midnight(sys_seconds time)
{
    return floor<days>(time) + days{1};
}

}  // namespace meetlink
