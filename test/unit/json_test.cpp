// JSON that strangers wrote: what is read of it, and what is refused.
#include "base/json.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace meetlink {
namespace {

using namespace std::string_literals;

TEST(Json, EveryKindOfValueIsRead)
{
    const auto json = parse_json(
        R"( {"text": "a\"\u00e9\ud83d\ude00\n", "whole": -7, "large": 18446744073709551615, "real": 1.5e3,
             "yes": true, "none": null, "list": [1, [2], {"three": 3}, []], "object": {"a": {"b": "c"}}} )");
    ASSERT_TRUE(json);
    EXPECT_EQ(string_at(*json, {"text"}), "a\"\xC3\xA9\xF0\x9F\x98\x80\n");
    EXPECT_EQ(integer_at(*json, {"whole"}), -7);
    EXPECT_EQ(at(*json, {"large"}).asUInt64(), 18446744073709551615U);
    EXPECT_EQ(at(*json, {"real"}).asDouble(), 1500);
    EXPECT_TRUE(at(*json, {"yes"}).isBool());
    EXPECT_TRUE(json->isMember("none"));
    EXPECT_EQ(write_json(at(*json, {"list"})), R"([1,[2],{"three":3},[]])");
    EXPECT_EQ(string_at(*json, {"object", "a", "b"}), "c");
}

TEST(Json, OfAnObjectAtTheTopOnlyTheMembersAskedForAreKept)
{
    constexpr std::array<std::string_view, 3> members{"id", "nested", "list"};
    const auto json = parse_json(
        R"({"skipped": {"id": 1, "deep": [{"id": 2}, [3]]}, "id": 4, "other": "text", "nested": {"skipped": {"id": 5}},
            "empty": {}, "nothing": [], "list": [{"other": 6}], "last": {"list": [7]}})",
        members);
    ASSERT_TRUE(json);
    EXPECT_EQ(write_json(*json), R"({"id":4,"list":[{"other":6}],"nested":{"skipped":{"id":5}}})");
    const auto list = parse_json(R"([{"other": 1}, {"id": {"other": 2}}])", members);
    ASSERT_TRUE(list);
    EXPECT_EQ(write_json(*list), R"([{"other":1},{"id":{"other":2}}])")
        << "an array has no members";
}

TEST(Json, TheLastOfTwoMembersOfOneNameCounts)
{
    EXPECT_EQ(write_json(*parse_json(R"({"a": {"b": 1}, "a": {"c": 2}})")), R"({"a":{"c":2}})");
    EXPECT_EQ(write_json(*parse_json(R"({"a": 1, "a": [2], "a": "3"})")), R"({"a":"3"})");
}

TEST(Json, OddBytesInATextHideNothingElse)
{
    const auto json = parse_json("{\"words\": \"caf\xE9\", \"id\": 1, \"nul\": \"a\\u0000b\"}");
    ASSERT_TRUE(json);
    EXPECT_EQ(integer_at(*json, {"id"}), 1);
    EXPECT_EQ(string_at(*json, {"nul"}), "a\0b"s);
    EXPECT_EQ(string_at(*parse_json("{\n\t\"words\": \"two\tlines\n\"}"), {"words"}), "two lines ");
}

TEST(Json, WhatIsNoObjectOrArrayIsRefused)
{
    for (const char* text : {"",
                             " ",
                             "null",
                             "1",
                             "\"text\"",
                             "{",
                             "[",
                             "{]",
                             "{\"a\": 1,}",
                             "[1,]",
                             "{\"a\" 1}",
                             "{a: 1}",
                             "{'a': 1}",
                             "{\"a\": 1} x",
                             "{}{}",
                             "[1] // comment",
                             "{\"a\": NaN}",
                             "{\"a\": 01}",
                             "{\"a\": \"b}",
                             "<html>"}) {
        EXPECT_FALSE(parse_json(text)) << text;
    }
}

TEST(Json, DepthIsLimited)
{
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    EXPECT_TRUE(parse_json(nested(64)));
    EXPECT_FALSE(parse_json(nested(65)));
    EXPECT_FALSE(parse_json(std::string(1'000'000, '[')));
}

}  // namespace
}  // namespace meetlink
