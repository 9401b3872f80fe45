// Lines of the log: always one line, always valid JSON in valid UTF-8, never a secret, nothing when
// the level is disabled, and a repeating message is counted instead of repeated.

#include "log/log.hpp"

#include <gtest/gtest.h>
#include <json/json.h>
#include <spdlog/sinks/ostream_sink.h>

#include <concepts>
#include <limits>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "log/line.hpp"
#include "log/repeat_limiter.hpp"

namespace meetlink::log {
namespace {

using namespace std::chrono_literals;

const auto noon = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} + 12h + 5ms;

Line line(std::string_view message, const std::vector<Field>& fields = {})
{
    return {noon, Level::warning, "an_event", message, fields};
}

Json::Value parse(const std::string& text)
{
    Json::Value value;
    std::string errors;
    std::istringstream in(text);
    Json::CharReaderBuilder strict;
    Json::CharReaderBuilder::strictMode(&strict.settings_);
    EXPECT_TRUE(Json::parseFromStream(strict, in, &value, &errors)) << text << errors;
    return value;
}

TEST(LogLine, IsOneJsonObjectWithTheFieldsInOrder)
{
    const std::vector<Field> fields{{"session", "42"},
                                    {"ms", 12},
                                    {"ratio", 0.25},
                                    {"cold", true},
                                    {"total", std::uint64_t{1} << 63},
                                    {"wait", 1500ms},
                                    {"nan", std::numeric_limits<double>::quiet_NaN()}};
    EXPECT_EQ(json_line(line("it happened", fields)),
              R"({"ts":"2026-11-22T12:00:00.005Z","level":"warning","event":"an_event",)"
              R"("message":"it happened","session":"42","ms":12,"ratio":0.25,"cold":true,)"
              R"("total":9223372036854775808,"wait":1500,"nan":null})");
}

TEST(LogLine, IsReadableAsText)
{
    const std::vector<Field> fields{{"session", "42"}, {"detail", "two words"}, {"empty", ""}};
    EXPECT_EQ(text_line(line("it happened", fields)),
              R"(2026-11-22 12:00:00.005Z WARN  an_event: it happened)"
              R"( (session=42 detail="two words" empty=""))");
    EXPECT_EQ(text_line(line("it happened")),
              "2026-11-22 12:00:00.005Z WARN  an_event: it happened");
}

TEST(LogLine, EveryByteComesBackOrIsReplaced)
{
    for (int byte = 0; byte < 256; ++byte) {
        const std::string text = std::string("a") + static_cast<char>(byte) + "b";
        const std::vector<Field> fields{{"value", text}};
        for (const std::string& made :
             {json_line(line(text, fields)), text_line(line(text, fields))}) {
            for (const char c : made) {
                EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) << byte;
            }
        }
        const Json::Value parsed = parse(json_line(line(text, fields)));
        const std::string expected = byte < 0x80 ? text
                                                 : "a\xEF\xBF\xBD"
                                                   "b";
        EXPECT_EQ(parsed["message"].asString(), expected) << byte;
        EXPECT_EQ(parsed["value"].asString(), expected) << byte;
    }
}

TEST(LogLine, KeepsGoodUtf8AndReplacesBad)
{
    struct Case {
        std::string in;
        std::string out;
    };
    const std::string bad = "\xEF\xBF\xBD";
    const std::vector<Case> cases{
        {"\xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80", "\xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80"},
        {"\xC0\xAF", bad + bad},                      // overlong
        {"\xE0\x80\xAF", bad + bad + bad},            // overlong
        {"\xED\xA0\x80", bad + bad + bad},            // surrogate
        {"\xF4\x90\x80\x80", bad + bad + bad + bad},  // above U+10FFFF
        {"\xE2\x82", bad + bad},                      // cut off
        {"\xE2\x82"
         "x",
         bad + bad + "x"},
        {"\xC2\x9B"
         "31m",
         "\xC2\x9B"
         "31m"},  // C1: escaped, so it parses back
        {std::string("a\0b", 3), std::string("a\0b", 3)},
        {"\"\\\n\x1b[31m", "\"\\\n\x1b[31m"},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(parse(json_line(line(c.in)))["message"].asString(), c.out);
    }
    // nothing steers a terminal or forges a second line
    EXPECT_EQ(text_line(line("x\n\x1b[2J\xC2\x9B")),
              "2026-11-22 12:00:00.005Z WARN  an_event: x\\n\\u001b[2J\\u009b");
}

class LogTest : public testing::Test {
protected:
    void TearDown() override { open(Level::info, Format::text); }

    void open_here(Level level, Format format)
    {
        open(level, format, std::make_shared<spdlog::sinks::ostream_sink_mt>(out_));
    }

    std::ostringstream out_;
};

TEST_F(LogTest, WritesOneLineAnEvent)
{
    open_here(Level::info, Format::json);
    info("link_created", "meeting link created", {{"session", std::string("42")}, {"ms", 12}});
    error("job_failed", "line 1\nline 2 {} %v");
    std::istringstream lines(out_.str());
    std::string first;
    std::string second;
    std::string rest;
    std::getline(lines, first);
    std::getline(lines, second);
    EXPECT_FALSE(std::getline(lines, rest));
    EXPECT_EQ(parse(first)["event"], "link_created");
    EXPECT_EQ(parse(first)["ms"], 12);
    EXPECT_EQ(parse(second)["level"], "error");
    EXPECT_EQ(parse(second)["message"], "line 1\nline 2 {} %v");
}

TEST_F(LogTest, LessSeriousEventsThanTheLevelAreNotWritten)
{
    open_here(Level::warning, Format::text);
    trace("a", "x");
    debug("b", "x");
    info("c", "x");
    EXPECT_EQ(out_.str(), "");
    EXPECT_FALSE(enabled(Level::info));
    EXPECT_TRUE(enabled(Level::error));
    warning("d", "x");
    error("e", "x");
    EXPECT_NE(out_.str().find("d: x"), std::string::npos);
    EXPECT_NE(out_.str().find("e: x"), std::string::npos);
}

static_assert(!std::constructible_from<Value, Secret>);
static_assert(!std::constructible_from<Value, const Secret&>);
static_assert(std::constructible_from<Value, const std::string&>);
static_assert(noexcept(info("event", "message", Fields{})));

TEST(RepeatLimiter, CountsWhatItKeepsQuiet)
{
    RepeatLimiter limiter(60s);
    const RepeatLimiter::Clock::time_point start{};
    EXPECT_EQ(limiter.admit("zoom", start), 0U);
    EXPECT_EQ(limiter.admit("google", start), 0U);
    for (int i = 1; i <= 5; ++i) {
        EXPECT_FALSE(limiter.admit("zoom", start + i * 1s));
    }
    EXPECT_EQ(limiter.admit("zoom", start + 60s), 5U);
    EXPECT_FALSE(limiter.admit("zoom", start + 61s));
    EXPECT_EQ(limiter.admit("zoom", start + 120s), 1U);
}

TEST(RepeatLimiter, ReportsWhatWasLeftUnsaid)
{
    RepeatLimiter limiter(60s);
    const RepeatLimiter::Clock::time_point start{};
    (void)limiter.admit("zoom", start);
    (void)limiter.admit("zoom", start + 1s);
    (void)limiter.admit("google", start);
    EXPECT_TRUE(limiter.expire(start + 59s).empty());
    const auto silenced = limiter.expire(start + 60s);
    ASSERT_EQ(silenced.size(), 1U);
    EXPECT_EQ(silenced[0].key, "zoom");
    EXPECT_EQ(silenced[0].repeated, 1U);
    EXPECT_EQ(limiter.admit("zoom", start + 61s), 0U);  // forgotten: it passes at once
}

TEST(RepeatLimiter, RemembersABoundedNumberOfKeys)
{
    RepeatLimiter limiter(60s, 2);
    const RepeatLimiter::Clock::time_point start{};
    (void)limiter.admit("a", start);
    (void)limiter.admit("b", start + 1s);
    (void)limiter.admit("c", start + 2s);  // "a" spoke longest ago and is forgotten
    EXPECT_FALSE(limiter.admit("b", start + 3s));
    EXPECT_EQ(limiter.admit("a", start + 3s), 0U);
}

}  // namespace
}  // namespace meetlink::log
