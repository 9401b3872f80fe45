#include "provider/detail.hpp"

#include <gtest/gtest.h>

#include "provider_script.hpp"

namespace meetlink::provider {
namespace {

TEST(Detail, WhatLooksLikeATokenIsNotCopied)
{
    const std::pair<const char*, const char*> rows[] = {
        {"token ya29.a0AfH6SMBx7Qz9 is bad: ya29.a0AfH6SMBx7Qz9-Lk_31",
         "token ya29.a0AfH6SMBx7Qz9 is bad: [redacted]"},
        {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "[redacted]"},
        {"Bearer abc", "Bearer abc"},
        {"Bearer AbC", "Bearer [redacted]"},
        {"Authorization: Bearer short1", "Authorization: Bearer [redacted]"},
        {"authorization: Basic aWQ6cw==", "authorization: Basic [redacted]"},
        {"access_token=short1&x=1", "access_token=[redacted]&x=1"},
        {"{'refresh_token': 'Q7'}", "{'refresh_token': '[redacted]'}"},
        {"open https://zoom.us/s/1?zak=Host1", "open https://zoom.us/s/1?zak=[redacted]"},
        {"AbcdefghijklmnopqrstuvwxyzAbcdefghijklmnopqrstuvwxyz", "[redacted]"},
    };
    for (const auto& [words, clean] : rows) {
        EXPECT_EQ(clean_words(words), clean);
    }
}

TEST(Detail, WhatHelpsIsKept)
{
    for (const char* words :
         {"The OAuth client was not found.", "Token has been expired or revoked.",
          "Invalid access token.",
          "Invalid access token, does not contain scopes:[meeting:update:meeting:admin, "
          "meeting:update:meeting].",
          "https://www.googleapis.com/auth/calendar.events", "Your bearer token is missing.",
          "Meeting does not exist: 98765432109.",
          "You may resume these requests at GMT 00:00:00."}) {
        EXPECT_EQ(clean_words(words), words);
    }
}

TEST(Detail, IsOneLineOfValidUtf8OfAtMost500Bytes)
{
    auto answer = test::response(400, "");
    std::string words;
    for (int i = 0; i < 1000; ++i) {
        words += "\xE2\x82\xAC ";  // euro sign
    }
    const std::string line = detail_of(answer, "code", words);
    EXPECT_LE(line.size(), 500U);
    EXPECT_TRUE(line.ends_with("..."));
    EXPECT_EQ(detail_of(answer, "",
                        "a\r\nb\tc\x01\x7F"
                        "d"),
              "HTTP 400 from provider.example: a b c d");
    EXPECT_EQ(detail_of(answer, "", "\xFFx\xC3"),
              "HTTP 400 from provider.example: \xEF\xBF\xBDx\xEF\xBF\xBD");
    EXPECT_EQ(detail_of(answer, "",
                        "a\xE2\x80\xAE"
                        "b"),
              "HTTP 400 from provider.example: a b")
        << "no bidirectional override";
    EXPECT_EQ(detail_of(answer, "two words", "x"), "HTTP 400 from provider.example: x");
    EXPECT_TRUE(test::storable(
        detail_of(answer, std::string(10'000, 'c'), std::string(10'000'000, '\xFF'))));
}

TEST(Detail, NoAnswerSaysSo)
{
    http::Response answer;
    answer.fault = http::Fault::timed_out;
    answer.fault_detail = "Operation timed out after 15000 milliseconds with 0 bytes received";
    answer.host = "api.zoom.us";
    EXPECT_EQ(detail_of(answer, "", ""),
              "no answer from api.zoom.us: Operation timed out after 15000 milliseconds with 0 "
              "bytes received");
}

TEST(ErrorCode, ATokenThatIsEchoedAsACodeIsNone)
{
    EXPECT_EQ(clean_code("ACCESS_TOKEN_SCOPE_INSUFFICIENT"), "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    EXPECT_EQ(clean_code("rate_limit_exceeded"), "rate_limit_exceeded");
    EXPECT_EQ(clean_code("4711"), "4711");
    EXPECT_EQ(clean_code("eyJhbGciOiJIUzUxMiJ9"), "");
    EXPECT_EQ(clean_code(std::string(60, 'x')), "");
}

}  // namespace
}  // namespace meetlink::provider
