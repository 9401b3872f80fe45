#include "base/duration.hpp"

#include <array>
#include <charconv>
#include <cstdint>

namespace meetlink {
namespace {

struct Unit {
    std::string_view suffix;
    std::int64_t milliseconds;
};

constexpr std::array<Unit, 4> units{{{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::int64_t longest = std::int64_t{1000} * 3'600'000;

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text)
{
    std::int64_t count = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, count);
    if (error != std::errc{} || text.front() == '-') {
        return std::nullopt;
    }
    const std::string_view suffix(rest, static_cast<std::size_t>(end - rest));
    for (const Unit& unit : units) {
        if (suffix == unit.suffix && count <= longest / unit.milliseconds) {
            return std::chrono::milliseconds{count * unit.milliseconds};
        }
    }
    return std::nullopt;
}

std::string format_duration(std::chrono::milliseconds duration)
{
    const std::int64_t count = duration.count();
    for (const Unit& unit : units) {
        if (count != 0 && count % unit.milliseconds == 0) {
            return std::to_string(count / unit.milliseconds).append(unit.suffix);
        }
    }
    return "0s";
}

}  // namespace meetlink
