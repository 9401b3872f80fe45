#include "base/time.hpp"

#include <gtest/gtest.h>

namespace meetlink {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

constexpr sys_seconds moment = sys_days{2026y / November / 22} + 23h + 59min + 58s;

TEST(Time, Rfc3339BothWays)
{
    EXPECT_EQ(rfc3339(moment), "2026-11-22T23:59:58Z");
    EXPECT_EQ(rfc3339(sys_days{1969y / December / 31} + 23h), "1969-12-31T23:00:00Z");
    EXPECT_EQ(parse_rfc3339("2026-11-22T23:59:58Z"), moment);
    EXPECT_EQ(parse_rfc3339("2026-11-22t23:59:58.999999z"), moment);
    EXPECT_EQ(parse_rfc3339("2026-11-23T00:59:58+01:00"), moment);
    EXPECT_EQ(parse_rfc3339("2026-11-22T18:29:58-0530"), moment);
    EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00Z"), sys_days{2024y / February / 29});
}

TEST(Time, Rfc3339RefusesWhatIsNoTime)
{
    for (const char* text :
         {"", "2026", "2026-11-22", "2026-11-22T23:59", "2025-02-29T00:00:00Z",
          "2026-00-01T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T23:60:00Z",
          "2026-11-22T23:59:58.Z", "2026-11-22T23:59:58+1", "2026-11-22T23:59:58+25:00",
          "2026-11-22T23:59:58ZZ", "-026-11-22T23:59:58Z"}) {
        EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
    }
}

// the examples of RFC 9110 section 5.6.7
TEST(Time, HttpDateInThreeForms)
{
    constexpr sys_seconds example = sys_days{1994y / November / 6} + 8h + 49min + 37s;
    EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), example);
    EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), example);
    EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), example);
    for (const char* text : {"", "Sun", "Sun,", "Sun, 06 Nov 1994", "Sun, 06 Foo 1994 08:49:37 GMT",
                             "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 08:49:37 GMT!"}) {
        EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
    }
}

TEST(Time, NextMidnightIsAlwaysAhead)
{
    EXPECT_EQ(next_utc_midnight(moment), sys_days{2026y / November / 23});
    EXPECT_EQ(next_utc_midnight(sys_days{2026y / November / 23}), sys_days{2026y / November / 24});
}

}  // namespace
}  // namespace meetlink
