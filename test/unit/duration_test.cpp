// Durations in the configuration: what is read, what is refused, and that writing reads back.

#include "base/duration.hpp"

#include <gtest/gtest.h>

namespace meetlink {
namespace {

using std::chrono::milliseconds;

TEST(Duration, ReadsAWholeNumberWithAUnit)
{
    EXPECT_EQ(parse_duration("250ms"), milliseconds{250});
    EXPECT_EQ(parse_duration("30s"), milliseconds{30'000});
    EXPECT_EQ(parse_duration("5m"), milliseconds{300'000});
    EXPECT_EQ(parse_duration("1h"), milliseconds{3'600'000});
    EXPECT_EQ(parse_duration("0s"), milliseconds{0});
    EXPECT_EQ(parse_duration("1000h"), milliseconds{3'600'000'000});
}

TEST(Duration, RefusesEverythingElse)
{
    for (const char* text : {"", "30", "s", "-1s", "+1s", "-0s", "1.5s", " 1s", "1s ", "1 s", "1S",
                             "1d", "1min", "1s1s", "1001h", "99999999999999999999s", "0x10s"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
}

TEST(Duration, IsWrittenInTheLargestExactUnit)
{
    for (const char* text : {"0s", "1ms", "1500ms", "30s", "90s", "5m", "90m", "2h"}) {
        const auto duration = parse_duration(text);
        ASSERT_TRUE(duration) << text;
        EXPECT_EQ(format_duration(*duration), text);
    }
    EXPECT_EQ(format_duration(milliseconds{60'000}), "1m");
}

}  // namespace
}  // namespace meetlink
