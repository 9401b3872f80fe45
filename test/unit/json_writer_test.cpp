#include "base/json_writer.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace meetlink {
namespace {

using namespace std::string_literals;

std::string written(const auto& value)
{
    JsonWriter json;
    json.value(value);
    return json.take();
}

TEST(JsonWriter, SeparatesWhatFollowsAndNothingElse)
{
    JsonWriter json;
    json.begin_array();
    json.begin_object();
    json.end_object();
    json.begin_object();
    json.member("a", 1);
    json.begin_array("b");
    json.value(true);
    json.begin_array();
    json.end_array();
    json.value(false);
    json.end_array();
    json.begin_object("c");
    json.member("d", "e");
    json.end_object();
    json.member("f", -2.5);
    json.end_object();
    json.end_array();
    EXPECT_EQ(json.take(), R"([{},{"a":1,"b":[true,[],false],"c":{"d":"e"},"f":-2.5}])");
}

TEST(JsonWriter, EscapesTexts)
{
    EXPECT_EQ(written("a\"b\\c/\n\t\x1b"s), R"("a\"b\\c/\n\t\u001b")");
    EXPECT_EQ(written("\0"s), R"("\u0000")");
    EXPECT_EQ(written("Zoë 会議 🎓"s), "\"Zoë 会議 🎓\"") << "UTF-8 stays as it is";
    EXPECT_EQ(written("a\xffz\xc3"s), "\"a\uFFFDz\uFFFD\"") << "and nothing else is let through";
    EXPECT_EQ(written(""s), "\"\"");
    EXPECT_EQ(written("literal"), "\"literal\"");
}

TEST(JsonWriter, KeepsEveryDigit)
{
    EXPECT_EQ(written(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
    EXPECT_EQ(written(std::numeric_limits<std::int64_t>::max()), "9223372036854775807");
    EXPECT_EQ(written(0.1), "0.1");
    EXPECT_EQ(written(3.0), "3");
    EXPECT_EQ(written(1.0 / 3), "0.3333333333333333");
}

}  // namespace
}  // namespace meetlink
