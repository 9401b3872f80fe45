// JSON in other encodings than UTF-8, as RFC 4627 allowed it: read as what it says; never a crash.
#include "base/json_encoding.hpp"

#include <gtest/gtest.h>

#include "base/json.hpp"

namespace meetlink {
namespace {

/// ASCII, and U+1F600 for each '?', in code units of `width` bytes.
std::string wide(const std::string& text, int width, bool big_endian)
{
    std::string bytes;
    const auto put = [&](std::uint32_t unit) {
        for (int n = 0; n < width; ++n) {
            const int shift = 8 * (big_endian ? width - 1 - n : n);
            bytes += static_cast<char>(unit >> shift & 0xFF);
        }
    };
    for (const char c : text) {
        if (c == '?' && width == 2) {
            put(0xD83D);
            put(0xDE00);
        } else {
            put(c == '?' ? 0x1F600 : static_cast<unsigned char>(c));
        }
    }
    return bytes;
}

TEST(JsonEncoding, Utf16AndUtf32AreReadWithAndWithoutAMark)
{
    for (const int width : {2, 4}) {
        for (const bool big_endian : {false, true}) {
            const auto body = wide(R"({"access_token":"abc","name":"?"})", width, big_endian);
            const std::string padding(static_cast<std::size_t>(width) - 2, '\0');
            const std::string mark = big_endian ? padding + "\xFE\xFF" : "\xFF\xFE" + padding;
            for (const auto& text : {body, mark + body}) {
                const auto json = parse_json(text);
                ASSERT_TRUE(json) << width << big_endian;
                EXPECT_EQ(string_at(*json, {"access_token"}), "abc");
                EXPECT_EQ(string_at(*json, {"name"}), "\xF0\x9F\x98\x80");
            }
        }
    }
}

TEST(JsonEncoding, Utf8StaysAsItIsButForItsMark)
{
    EXPECT_FALSE(json_as_utf8(R"({"a":"ä"})"));
    EXPECT_FALSE(json_as_utf8(""));
    EXPECT_FALSE(json_as_utf8("{}"));
    EXPECT_EQ(json_as_utf8("\xEF\xBB\xBF{}"), "{}");
}

TEST(JsonEncoding, BrokenUnitsBecomeAReplacementAndAnOddEndIsDropped)
{
    using namespace std::string_literals;
    EXPECT_EQ(json_as_utf8("[\0\x01\xD8]\0\x7F"s), "[\xEF\xBF\xBD]") << "half of a surrogate pair";
    EXPECT_EQ(json_as_utf8("\xFF\xFE[\0\0\0\0\0\0\0"s).value_or("").substr(0, 1), "[");
    EXPECT_EQ(json_as_utf8("\0\0\0[\x7F\xFF\xFF\xFF"s), "[\xEF\xBF\xBD") << "beyond Unicode";
}

TEST(JsonEncoding, StringsAreWipedInPlace)
{
    auto json = parse_json(R"({"a":["secret"],"b":{"c":"secret"}})");
    ASSERT_TRUE(json);
    wipe_strings(*json);
    EXPECT_EQ(string_at(*json, {"b", "c"}), std::string(6, '\0'));
    EXPECT_EQ((*json)["a"][0].asString(), std::string(6, '\0'));
}

}  // namespace
}  // namespace meetlink
