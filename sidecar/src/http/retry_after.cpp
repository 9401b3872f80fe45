#include "http/retry_after.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "base/text.hpp"
#include "base/time.hpp"

namespace meetlink::http {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

seconds limited(seconds wait)
{
    return std::clamp(wait, seconds{0}, longest_retry_after);
}

/// A whole number; one that does not fit becomes the largest or smallest that does.
std::optional<std::int64_t> whole_number(std::string_view text)
{
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || end != text.data() + text.size() || error == std::errc::invalid_argument) {
        return std::nullopt;
    }
    if (error == std::errc::result_out_of_range) {
        return text.front() == '-' ? INT64_MIN : INT64_MAX;
    }
    return value;
}

}  // namespace

sys_seconds answered_at(const Response& response, sys_seconds now)
{
    return parse_http_date(response.date).value_or(now);
}

std::optional<seconds> retry_after(const Response& response, sys_seconds now)
{
    const sys_seconds reference = answered_at(response, now);
    const std::string_view text = trim(response.retry_after);
    if (const auto number = whole_number(text)) {
        return limited(seconds{*number});
    }
    if (const auto date = parse_http_date(text)) {
        return limited(*date - reference);
    }
    if (const auto date = parse_rfc3339(text)) {
        return limited(*date - reference);
    }
    const auto reset = whole_number(trim(response.rate_limit_reset));
    // what is no Unix time of this age is another notation, which nobody has described
    if (reset && *reset > 1'000'000'000 && *reset < 100'000'000'000) {
        return limited(sys_seconds{seconds{*reset}} - reference);
    }
    return std::nullopt;
}

}  // namespace meetlink::http
