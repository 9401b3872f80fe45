// HTTP requests: who may call without a token, what a retry's body must look like, what refusals say.
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "web/answers.hpp"
#include "web/caller.hpp"
#include "web/retry_request.hpp"

namespace meetlink::web {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

Request request(const Headers& headers, const std::string& peer = "127.0.0.1",
                const std::string& body = "")
{
    Request made;
    made.message = {beast::http::verb::post, "/api/sessions/retry-meeting-link", 11};
    for (const auto& [name, value] : headers) {
        made.message.insert(name, value);
    }
    made.message.body() = body;
    made.peer = boost::asio::ip::make_address(peer);
    return made;
}

bool local(const Headers& headers, const std::string& peer = "127.0.0.1")
{
    return !not_local(request(headers, peer)).has_value();
}

TEST(WebCaller, WithoutAKeyOnlyLoopbackPeers)
{
    const Headers host{{"Host", "localhost"}};
    for (const char* peer : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
        EXPECT_TRUE(local(host, peer)) << peer;
    }
    for (const char* peer : {"10.0.0.1", "128.0.0.1", "::2", "fe80::1", "::ffff:10.0.0.1"}) {
        EXPECT_FALSE(local(host, peer)) << peer;
    }
}

TEST(WebCaller, WithoutAKeyOnlyLoopbackHosts)
{
    for (const char* host :
         {"localhost", "LocalHost:8787", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8787"}) {
        EXPECT_TRUE(local({{"Host", host}})) << host;
    }
    for (const char* host :
         {"", "example.org", "localhost.example.org", "127.0.0.1.example.org", "10.0.0.1", "::1",
          "[::2]", "[127.0.0.1]", "[::1", "[::1]x", "localhost:", "localhost:http",
          "localhost:123456", "localhost@example.org", "0.0.0.0", "127.1"}) {
        EXPECT_FALSE(local({{"Host", host}})) << host;
    }
    EXPECT_FALSE(local({}));
    EXPECT_FALSE(local({{"Host", "localhost"}, {"Host", "example.org"}}));
}

TEST(WebCaller, WithoutAKeyNoProxyNoOtherOriginNoToken)
{
    const auto with = [](const char* name, const char* value) {
        return local({{"Host", "localhost:8787"}, {name, value}});
    };
    EXPECT_TRUE(with("Origin", "http://localhost:8787"));
    EXPECT_TRUE(with("Sec-Fetch-Site", "same-origin"));
    for (const char* origin : {"null", "", "http://localhost", "https://localhost:8787",
                               "http://localhost:8787.example.org", "http://127.0.0.1:8787"}) {
        EXPECT_FALSE(with("Origin", origin)) << origin;
    }
    EXPECT_FALSE(with("Sec-Fetch-Site", "same-site"));
    for (const char* name :
         {"Forwarded", "X-Forwarded-For", "x-forwarded-anything", "Via", "X-Real-IP"}) {
        EXPECT_FALSE(with(name, "127.0.0.1")) << name;
    }
    EXPECT_FALSE(with("Authorization", "Bearer x"));
}

TEST(WebCaller, ALocalCallerIsAnOperator)
{
    const Callers callers{std::nullopt};
    const auto now = std::chrono::system_clock::now();
    const auto caller = callers.identify(request({{"Host", "localhost"}}), now);
    EXPECT_EQ(std::get<Caller>(caller).role, "meetlink_operator");
    const auto refused = callers.identify(request({{"Host", "example.org"}}), now);
    EXPECT_EQ(std::get<Answer>(refused).status, 403);
}

TEST(WebCaller, WithAKeyATokenIsRequiredWhereverTheCallerIs)
{
    config::Http http;
    http.jwt_secret = Secret{"a secret of at least thirty-two bytes"};
    const Callers callers{std::get<TokenVerifier>(TokenVerifier::make(http))};
    for (const Headers& headers :
         {Headers{{"Host", "localhost"}}, Headers{{"Authorization", "Bearer"}},
          Headers{{"Authorization", "Bearer "}}, Headers{{"Authorization", "Basic YTpi"}},
          Headers{{"Authorization", "Bearer x"}, {"Authorization", "Bearer y"}}}) {
        const auto refused = callers.identify(request(headers), std::chrono::system_clock::now());
        const auto& answer = std::get<Answer>(refused);
        EXPECT_EQ(answer.status, 401);
        EXPECT_EQ(answer.headers.front().first, "WWW-Authenticate");
    }
}

std::string id_in(std::string_view body)
{
    const auto parsed = parse_retry_request(body);
    const auto* id = std::get_if<SessionId>(&parsed);
    return id ? id->text : "";
}

TEST(WebRetryRequest, TakesOneTextOrWholeNumber)
{
    EXPECT_EQ(id_in(R"({"sessionId": "abc"})"), "abc");
    EXPECT_EQ(id_in(R"({"sessionId": "abc", "more": [1, {}]})"), "abc");
    EXPECT_EQ(id_in(R"({"sessionId": 42})"), "42");
    EXPECT_EQ(id_in(R"({"sessionId": -9223372036854775808})"), "-9223372036854775808");
    EXPECT_EQ(id_in("{\"sessionId\": \"stra\xc3\x9f"
                    "e 7\"}"),
              "stra\xc3\x9f"
              "e 7");
}

TEST(WebRetryRequest, RefusesEverythingElseInTheDocumentedWords)
{
    const std::string deep(20'000, '[');
    for (const std::string& body :
         std::vector<std::string>{"",
                                  "null",
                                  "\"abc\"",
                                  "[]",
                                  "{}",
                                  R"({"sessionId": null})",
                                  R"({"sessionId": true})",
                                  R"({"sessionId": 1.5})",
                                  R"({"sessionId": 1e30})",
                                  R"({"sessionId": ["abc"]})",
                                  R"({"sessionId": ""})",
                                  R"({"sessionId": " abc"})",
                                  R"({"sessionId": "a\nb"})",
                                  R"({"sessionId": "a\u0000b"})",
                                  "{\"sessionId\": \"a\xff\"}",
                                  R"({"sessionid": "abc"})",
                                  R"({"sessionId": "abc", "sessionId": "abc"})",
                                  R"({"sessionId": "abc"} {})",
                                  R"({'sessionId': 'abc'})",
                                  R"({"sessionId": "abc",})",
                                  "// comment\n{}",
                                  "{\"sessionId\": " + deep,
                                  "{\"sessionId\": \"" + std::string(1025, 'a') + "\"}"}) {
        const auto parsed = parse_retry_request(body);
        const auto* answer = std::get_if<Answer>(&parsed);
        ASSERT_NE(answer, nullptr) << body.substr(0, 80);
        EXPECT_EQ(answer->status, 400);
        const auto json = parse_json(answer->body);
        EXPECT_EQ(string_at(*json, {"error"}), "Session ID is required");
        EXPECT_EQ(string_at(*json, {"status"}), "invalid");
    }
}

TEST(WebRetryRequest, OnlyJsonInUtf8)
{
    const auto taken = [](const Headers& headers, const std::string& body) {
        return !wrong_content_type(request(headers, "127.0.0.1", body)).has_value();
    };
    for (const char* type :
         {"application/json", "Application/JSON", "application/json;charset=utf-8",
          "application/json ; charset=\"UTF-8\""}) {
        EXPECT_TRUE(taken({{"Content-Type", type}}, "{}")) << type;
    }
    for (const char* type : {"", "text/json", "application/json; charset=latin1",
                             "application/jsonp", "text/plain, application/json"}) {
        EXPECT_FALSE(taken({{"Content-Type", type}}, "{}")) << type;
    }
    EXPECT_FALSE(taken({}, "{}"));
    EXPECT_TRUE(taken({}, ""));
    EXPECT_FALSE(taken({{"Content-Type", "text/plain"}}, ""));
    EXPECT_FALSE(taken({{"Content-Type", "application/json"}, {"Content-Encoding", "gzip"}}, "x"));
}

TEST(WebAnswers, RefusalsHaveTheKeysOfTheAnswerObject)
{
    for (const auto& answer : {invalid("x"), forbidden("Forbidden", "x"), unauthenticated("x")}) {
        const auto json = parse_json(answer.body);
        for (const char* key : {"success", "status", "session_id", "join_url", "message", "error",
                                "details", "action", "reason", "retry_at", "attempts"}) {
            EXPECT_TRUE(json->isMember(key)) << key;
        }
        EXPECT_EQ(json->size(), 11U);
    }
    EXPECT_EQ(unavailable("x").headers.front().first, "Retry-After");
}

}  // namespace
}  // namespace meetlink::web
