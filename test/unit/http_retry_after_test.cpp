#include "http/retry_after.hpp"

#include <gtest/gtest.h>

namespace meetlink::http {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_seconds;

constexpr sys_seconds now{1'795'305'600s};  // 2026-11-22T00:00:00Z

std::optional<std::chrono::seconds> wait(const std::string& header, const std::string& date = "",
                                         const std::string& reset = "")
{
    Response response;
    response.retry_after = header;
    response.date = date;
    response.rate_limit_reset = reset;
    return retry_after(response, now);
}

TEST(RetryAfter, Seconds)
{
    EXPECT_EQ(wait("120"), 120s);
    EXPECT_EQ(wait(" 7 "), 7s);
    EXPECT_EQ(wait("0"), 0s);
    EXPECT_EQ(wait("-5"), 0s);
    EXPECT_EQ(wait("86401"), 24h) << "capped to a day";
    EXPECT_EQ(wait("99999999999999999999999"), 24h);
    EXPECT_EQ(wait("-99999999999999999999999"), 0s);
}

TEST(RetryAfter, HttpDate)
{
    EXPECT_EQ(wait("Sun, 22 Nov 2026 00:02:00 GMT"), 120s);
    EXPECT_EQ(wait("Sunday, 22-Nov-26 00:02:00 GMT"), 120s);
    EXPECT_EQ(wait("Sun Nov 22 00:02:00 2026"), 120s);
    EXPECT_EQ(wait("Sat, 21 Nov 2026 00:02:00 GMT"), 0s) << "in the past";
    EXPECT_EQ(wait("Sun, 22 Nov 2099 00:02:00 GMT"), 24h);
}

TEST(RetryAfter, Iso8601)
{
    EXPECT_EQ(wait("2026-11-22T00:02:00Z"), 120s);
    EXPECT_EQ(wait("2026-11-22T00:02:00.750Z"), 120s);
    EXPECT_EQ(wait("2026-11-22T01:02:00+01:00"), 120s);
    EXPECT_EQ(wait("2026-11-22T00:02:00"), 120s);
    EXPECT_EQ(wait("2020-11-22T00:02:00Z"), 0s);
}

TEST(RetryAfter, IsMeasuredByTheServersClock)
{
    // this machine's clock is an hour behind
    EXPECT_EQ(wait("Sun, 22 Nov 2026 01:02:00 GMT", "Sun, 22 Nov 2026 01:00:00 GMT"), 120s);
    EXPECT_EQ(wait("2026-11-22T01:02:00Z", "Sun, 22 Nov 2026 01:00:00 GMT"), 120s);
    EXPECT_EQ(wait("2026-11-22T00:02:00Z", "nonsense"), 120s);
}

TEST(RetryAfter, RateLimitResetCountsWhenNothingElseDoes)
{
    EXPECT_EQ(wait("", "", "1795305602"), 2s);
    EXPECT_EQ(wait("9", "", "1795305602"), 9s);
    EXPECT_EQ(wait("", "", "3"), std::nullopt);
    EXPECT_EQ(wait("", "", "1795305602000"), std::nullopt);
}

TEST(RetryAfter, GarbageIsNothing)
{
    for (const char* header :
         {"", " ", "soon", "1.5", "+5", "5s", "1e3", "0x10", "5 5", "2026-11-22",
          "2026-13-22T00:02:00Z", "Sun, 31 Feb 2026 00:02:00 GMT", "2026-11-22T00:02:00Zx",
          "Sun, 22 Nov 2026", "\xFF\xFE", "2026-11-22T25:00:00Z"}) {
        EXPECT_EQ(wait(header), std::nullopt) << header;
    }
}

}  // namespace
}  // namespace meetlink::http
