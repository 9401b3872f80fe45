#include "web/query.hpp"

#include <gtest/gtest.h>

namespace meetlink::web {
namespace {

TEST(WebQuery, DecodesPercentSigns)
{
    EXPECT_EQ(percent_decode("a%20b%2F%c3%a9"), "a b/\xC3\xA9");
    EXPECT_EQ(percent_decode(""), "");
    for (const auto* bad : {"%", "%4", "a%g0", "%00", "%0a", "%ff", "%e2%80%ae"}) {
        EXPECT_EQ(percent_decode(bad), std::nullopt) << bad;
    }
}

TEST(WebQuery, FindsTheLastSegment)
{
    EXPECT_EQ(segment_after("/api/sessions/a%2Fb", "/api/sessions/"), "a/b");
    for (const auto* bad : {"/api/sessions/", "/api/sessions/a/b", "/api/sessions/%00", "/other"}) {
        EXPECT_EQ(segment_after(bad, "/api/sessions/"), std::nullopt) << bad;
    }
    EXPECT_EQ(segment_after("/s/" + std::string(2000, 'a'), "/s/"), std::nullopt);
}

TEST(WebQuery, ReadsParameters)
{
    const auto parsed =
        Query::parse("/x?limit=5&session=a&session=b%20c&", {"limit", "session"}, "session");
    const auto* query = std::get_if<Query>(&parsed);
    ASSERT_NE(query, nullptr);
    EXPECT_EQ(query->count("limit", 50, 200), 5);
    EXPECT_EQ(query->count("other", 50, 200), 50);
    EXPECT_EQ(query->count("limit", 50, 4), std::nullopt);
    EXPECT_EQ(query->text("other"), std::nullopt);
    EXPECT_EQ(query->texts("session"), (std::vector<std::string>{"a", "b c"}));
}

TEST(WebQuery, RefusesWhatItDoesNotKnow)
{
    for (const auto* bad : {"/x?colour=red", "/x?limit=1&limit=2", "/x?limit=%zz"}) {
        const auto parsed = Query::parse(bad, {"limit"});
        const auto* refusal = std::get_if<Answer>(&parsed);
        ASSERT_NE(refusal, nullptr) << bad;
        EXPECT_EQ(refusal->status, 400) << bad;
    }
    EXPECT_TRUE(std::holds_alternative<Query>(Query::parse("/x", {})));
}

}  // namespace
}  // namespace meetlink::web
