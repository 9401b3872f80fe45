// Requests over HTTP/1.1, however they come.

#include "request_parser.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>
#include <string>

namespace meetlink::standin {
namespace {

namespace http = boost::beast::http;

/// Feeds `text` in pieces of `size`; what the parser did not take, or nullopt when it refused it.
std::optional<std::string> feed(RequestParser& parser, std::string_view text, std::size_t size)
{
    std::string input;
    while (!text.empty() && !parser.is_done()) {
        input += text.substr(0, size);
        text.remove_prefix(std::min(size, text.size()));
        boost::system::error_code error;
        input.erase(0, parser.put(boost::asio::buffer(input), error));
        if (error && error != http::error::need_more) return std::nullopt;
    }
    return input.append(text);
}

TEST(RequestParserTest, TakesARequestWholeAndInPieces)
{
    constexpr std::string_view text =
        "PATCH /a/b?c=d HTTP/1.1\r\nHost: x\r\nAUTHORIZATION: Bearer t\r\nIf-Match: \"1\"\r\n"
        "Content-Length: 5\r\n\r\nhelloGET /next";
    for (const std::size_t size : {std::size_t{1}, std::size_t{7}, text.size()}) {
        RequestParser parser;
        const auto rest = feed(parser, text, size);
        ASSERT_TRUE(rest && parser.is_done()) << size;
        EXPECT_EQ(*rest, "GET /next") << "of the next request nothing is taken";
        EXPECT_TRUE(parser.keep_alive());
        const auto request = parser.request();
        EXPECT_EQ(request.method, "PATCH");
        EXPECT_EQ(request.path, "/a/b");
        EXPECT_EQ(request.query, "c=d");
        EXPECT_EQ(request.authorization, "Bearer t");
        EXPECT_EQ(request.if_match, "\"1\"");
        EXPECT_EQ(request.body, "hello");
    }
}

TEST(RequestParserTest, PutsChunksTogether)
{
    RequestParser parser;
    const auto rest = feed(parser,
                           "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
                           4);
    ASSERT_TRUE(rest && parser.is_done());
    EXPECT_EQ(parser.request().body, "hello");
}

TEST(RequestParserTest, RefusesWhatIsNoRequestAndBodiesThatAreTooLong)
{
    for (const auto& text :
         {std::string{"nonsense\r\n\r\n"},
          "POST / HTTP/1.1\r\nContent-Length: " + std::to_string(request_limit + 1) + "\r\n\r\n"}) {
        RequestParser parser;
        EXPECT_FALSE(feed(parser, text, text.size())) << text;
    }
}

}  // namespace
}  // namespace meetlink::standin
