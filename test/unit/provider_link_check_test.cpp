#include "provider/link_check.hpp"

#include <gtest/gtest.h>

namespace meetlink::provider {
namespace {

const std::vector<std::string> google{"meet.google.com"};
const std::vector<std::string> zoom{"zoom.us", ".zoom.us", ".zoom.com"};

TEST(LinkCheck, AcceptsHttpsOnTheProvidersOwnDomains)
{
    EXPECT_FALSE(link_problem("https://meet.google.com/aaa-bbbb-ccc", google));
    EXPECT_FALSE(link_problem("HTTPS://MEET.google.com/aaa", google));
    EXPECT_FALSE(link_problem("https://zoom.us/j/1?pwd=a.1%20", zoom));
    EXPECT_FALSE(link_problem("https://us02web.zoom.us/j/123?pwd=x#success", zoom));
    EXPECT_FALSE(link_problem("https://school.zoom.com/j/1", zoom));
    EXPECT_FALSE(link_problem("https://zoom.us:443/j/1", zoom));
}

TEST(LinkCheck, RejectsEverythingElse)
{
    const std::string rejected[] = {
        "",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://zoom.us/j/1",
        "ftp://zoom.us/j/1",
        "//zoom.us/j/1",
        "zoom.us/j/1",
        "/j/1",
        "https://",
        "https:///j/1",
        "https://zoom.us.evil.example/j/1",
        "https://evilzoom.us/j/1",
        "https://evil.example/?zoom.us",
        "https://evil.example#.zoom.us",
        "https://evil.example\\.zoom.us/",
        "https://.zoom.us/j/1",
        "https://user@zoom.us/j/1",
        "https://user:pw@zoom.us/j/1",
        "https://zoom.us@evil.example/",
        "https://zoom.us/j/1 ",
        " https://zoom.us/j/1",
        "https://zoom.us/j/1\n",
        "https://zoom.us/j/1\r\nSet-Cookie: a=b",
        "https://zoom.us/\"onclick=",
        "https://zoom.us/<script>",
        "https://zoom.us/\xE2\x80\xAEgpj",  // right-to-left override
        "https://z\xD0\xBE"
        "om.us/j/1",  // Cyrillic o
        std::string("https://zoom.us/j\0/1", 18),
        "https://zoom.us/" + std::string(2048, 'a'),
    };
    for (const std::string& link : rejected) {
        EXPECT_TRUE(link_problem(link, zoom)) << link;
    }
    EXPECT_TRUE(link_problem("https://sub.meet.google.com/x", google)) << "exact means exact";
    EXPECT_TRUE(link_problem("https://zoom.us/j/1", {".zoom.us"})) << "a suffix is subdomains only";
    EXPECT_TRUE(link_problem("https://zoom.us/j/1", {}));
}

TEST(LinkCheck, TellsTheHostAndNothingElse)
{
    EXPECT_EQ(*link_problem("https://evil.example/path?token=secret", zoom),
              "the link is on host evil.example, which is not in link_hosts");
    const auto script = link_problem("javascript:alert(document.cookie)", zoom);
    ASSERT_TRUE(script);
    EXPECT_EQ(script->find("cookie"), std::string::npos);
}

}  // namespace
}  // namespace meetlink::provider
