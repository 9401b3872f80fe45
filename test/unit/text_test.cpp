#include "base/text.hpp"

#include <gtest/gtest.h>

namespace meetlink {
namespace {

TEST(Text, HexBothWays)
{
    EXPECT_EQ(hex(std::string("\x00\xFF\x0A", 3)), "00ff0a");
    EXPECT_EQ(unhex("00FF0a"), std::string("\x00\xFF\x0A", 3));
    EXPECT_EQ(unhex(""), "");
    EXPECT_FALSE(unhex("0"));
    EXPECT_FALSE(unhex("0g"));
    EXPECT_FALSE(unhex(" 00 "));
}

// the vectors of RFC 4648 section 10
TEST(Text, Base64)
{
    const std::pair<const char*, const char*> rows[] = {{"", ""},
                                                        {"f", "Zg=="},
                                                        {"fo", "Zm8="},
                                                        {"foo", "Zm9v"},
                                                        {"foob", "Zm9vYg=="},
                                                        {"fooba", "Zm9vYmE="},
                                                        {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, encoded] : rows) {
        EXPECT_EQ(base64(plain), encoded);
    }
}

TEST(Text, Base32Hex)
{
    const std::pair<const char*, const char*> rows[] = {{"", ""},
                                                        {"f", "co"},
                                                        {"fo", "cpng"},
                                                        {"foo", "cpnmu"},
                                                        {"foob", "cpnmuog"},
                                                        {"fooba", "cpnmuoj1"},
                                                        {"foobar", "cpnmuoj1e8"}};
    for (const auto& [plain, encoded] : rows) {
        EXPECT_EQ(base32hex(plain), encoded);
    }
}

TEST(Text, PercentEncoding)
{
    EXPECT_EQ(percent_encode("aZ9-._~"), "aZ9-._~");
    EXPECT_EQ(percent_encode(" +&=/:@\xC3\xA9"), "%20%2B%26%3D%2F%3A%40%C3%A9");
}

TEST(Text, CaseIsIgnoredInAsciiOnly)
{
    EXPECT_TRUE(equal_ignoring_case("Retry-After", "retry-AFTER"));
    EXPECT_FALSE(equal_ignoring_case("a", "ab"));
    EXPECT_TRUE(contains_ignoring_case("Only available for PAID account", "paid account"));
    EXPECT_TRUE(contains_ignoring_case("x", ""));
    EXPECT_TRUE(contains_ignoring_case("", ""));
    EXPECT_FALSE(contains_ignoring_case("", "x"));
}

TEST(Text, OneLineIsValidUtf8WithoutControls)
{
    EXPECT_EQ(one_line("  a\r\n\t b  "), "a b");
    EXPECT_EQ(one_line("\xC3\xA9\xF0\x9F\x8E\x93"), "\xC3\xA9\xF0\x9F\x8E\x93");
    const std::string replacement = "\xEF\xBF\xBD";
    EXPECT_EQ(one_line("\xC3"), replacement) << "cut off";
    EXPECT_EQ(one_line("\xC0\x80"), replacement + replacement) << "overlong";
    EXPECT_EQ(one_line("\xED\xA0\x80"), replacement + replacement + replacement) << "surrogate";
    EXPECT_EQ(one_line("\xF4\x90\x80\x80").substr(0, 3), replacement) << "beyond U+10FFFF";
    EXPECT_EQ(one_line("a\xE2\x80\xAE"
                       "b\xC2\x85"
                       "c"),
              "a b c")
        << "bidirectional override, next line";
    EXPECT_EQ(one_line(""), "");
}

TEST(Text, TruncationKeepsCharactersWhole)
{
    EXPECT_EQ(truncate_bytes("short", 5), "short");
    EXPECT_EQ(truncate_bytes("longer", 5), "lo...");
    EXPECT_EQ(truncate_bytes("\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC", 8), "\xE2\x82\xAC...");
    EXPECT_EQ(truncate_bytes("abcdef", 2), "..");
    EXPECT_EQ(truncate_characters("\xE2\x82\xAC"
                                  "ab",
                                  2),
              "\xE2\x82\xAC"
              "a");
    EXPECT_EQ(truncate_characters("ab", 9), "ab");
}

}  // namespace
}  // namespace meetlink
