#include "provider/token_answer.hpp"

#include <gtest/gtest.h>

#include <array>

#include "provider/answer.hpp"
#include "provider_script.hpp"

namespace meetlink::provider {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 2> wanted{"meeting:write", "meeting:write:meeting"};

std::optional<Tokens> read(const std::string& body)
{
    return read_tokens(test::response(200, body), {wanted, Reason::scope_missing});
}

TEST(TokenAnswer, OddLivesBecomeAnHour)
{
    for (const char* life : {"0", "-5", "\"\"", "\"soon\"", "null", "{}", "[]", "true", "1e99"}) {
        const auto tokens = read(R"({"access_token":"a","expires_in":)" + std::string(life) + "}");
        ASSERT_TRUE(tokens) << life;
        EXPECT_EQ(tokens->expires_in, 1h) << life;
    }
    EXPECT_EQ(read(R"({"access_token":"a"})")->expires_in, 1h);
}

TEST(TokenAnswer, ScopesThatLackWhatIsNeededForeseeTheFailure)
{
    const auto foreseen = [](const std::string& scope) {
        return read(R"({"access_token":"a","scope":)" + scope + "}")->foreseen;
    };
    EXPECT_EQ(foreseen(R"("user:read meeting:read")"), Reason::scope_missing);
    EXPECT_EQ(foreseen(R"("meeting:write:invite_links")"), Reason::scope_missing) << "whole words";
    EXPECT_EQ(foreseen(R"("meeting:write")"), std::nullopt);
    EXPECT_EQ(foreseen(R"("user:read  meeting:write:meeting x")"), std::nullopt) << "any will do";
    for (const char* untold : {R"("")", "null", "[]", "7"}) {
        EXPECT_EQ(foreseen(untold), std::nullopt) << untold << ": nothing is known";
    }
    EXPECT_EQ(read(R"({"access_token":"a"})")->foreseen, std::nullopt);
}

TEST(TokenAnswer, LivesInOtherNotationsCount)
{
    EXPECT_EQ(read(R"({"access_token":"a","expires_in":"3599"})")->expires_in, 3599s);
    EXPECT_EQ(read(R"({"access_token":"a","expires_in":3599.9})")->expires_in, 3599s);
    EXPECT_GT(read(R"({"access_token":"a","expires_in":9223372036854775807})")->expires_in, 0s);
}

TEST(TokenAnswer, LongTokensAreAcceptedUpTo64Kilobytes)
{
    const auto answer = [](std::size_t size) {
        return read(R"({"access_token":")" + std::string(size, 'a') + "\"}");
    };
    EXPECT_EQ(answer(65'536)->access_token.reveal().size(), 65'536U);
    EXPECT_FALSE(answer(65'537));
}

TEST(TokenAnswer, AnAccessTokenThatIsTooLongForAHeaderAsksForAnother)
{
    EXPECT_FALSE(token_problem(Secret{std::string(2048, 'a')}, Stage::create));
    const auto problem = token_problem(Secret{std::string(65'536, 'a')}, Stage::create);
    ASSERT_TRUE(problem);
    EXPECT_EQ(problem->reason, Reason::answer_unreadable) << "tried again, and no tutor's fault";
    EXPECT_TRUE(problem->refresh_may_help);
    EXPECT_EQ(problem->detail.find("aaa"), std::string::npos);
}

TEST(TokenAnswer, TokensThatNoHeaderCanCarryAreRefused)
{
    EXPECT_FALSE(read(R"({"access_token":""})"));
    EXPECT_FALSE(read(R"({"access_token":"a b"})"));
    EXPECT_FALSE(read(R"({"access_token":"a\r\nX: y"})"));
    EXPECT_FALSE(read(R"({"access_token":12})"));
    EXPECT_FALSE(read(R"({"refresh_token":"r"})"));
    EXPECT_FALSE(read(R"({"access_token":"a","refresh_token":""})")->refresh_token);
}

}  // namespace
}  // namespace meetlink::provider
