#include "provider/zoom.hpp"

#include <gtest/gtest.h>

#include "base/json.hpp"
#include "provider/zoom_requests.hpp"
#include "provider_script.hpp"

namespace meetlink::provider {
namespace {

using namespace std::chrono_literals;
using test::play;
using test::Script;

config::Provider settings()
{
    config::Provider provider;
    provider.client_id = "id:1";
    provider.client_secret = Secret("s/cret");
    provider.token_url = "https://zoom.us/oauth/token";
    provider.api_base = "https://api.zoom.us/v2";
    provider.link_hosts = {"zoom.us", ".zoom.us"};
    return provider;
}

MeetingRequest lesson(bool may_exist = false)
{
    MeetingRequest request = test::lesson();
    request.may_exist = may_exist;
    return request;
}

std::string meeting(const std::string& id, const std::string& agenda,
                    const std::string& created_at = "2026-11-22T10:00:00Z",
                    const std::string& join_url = "https://us02web.zoom.us/j/1?pwd=x")
{
    return R"({"id":)" + id + R"(,"topic":"Maths with Ann","agenda":")" + agenda +
           R"(","created_at":")" + created_at +
           R"(","start_time":"2099-12-01T10:00:00Z","start_url":"https://zoom.us/s/1?zak=host")" +
           (join_url.empty() ? "" : R"(,"join_url":")" + join_url + "\"") + "}";
}

std::string page(const std::string& meetings, const std::string& next = "")
{
    return R"({"page_size":300,"next_page_token":")" + next + R"(","meetings":[)" + meetings + "]}";
}

const std::string tag = zoom::tag(test::lesson());

class ZoomFlow : public ::testing::Test {
protected:
    CreateOutcome create(const MeetingRequest& request = lesson())
    {
        CreateOutcome outcome = play(zoom.create(MeetingRequest{request}, token));
        EXPECT_TRUE(script.played_out()) << "fewer requests than expected";
        return outcome;
    }

    Script script;
    Zoom zoom{settings(), script, 15s};
    Secret token{"token"};
};

TEST_F(ZoomFlow, CreatesOneScheduledMeetingAndReturnsItsLink)
{
    script.answer(201, meeting("98765432109", tag + " more"));
    const CreateOutcome outcome = create();
    ASSERT_TRUE(outcome.result);
    EXPECT_EQ(outcome.result->join_url, "https://us02web.zoom.us/j/1?pwd=x");
    EXPECT_EQ(outcome.result->external_id, "98765432109");
    EXPECT_FALSE(outcome.result->adopted);

    const http::Request& request = script.requests.at(0);
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.url, "https://api.zoom.us/v2/users/me/meetings");
    const auto body = parse_json(request.body);
    ASSERT_TRUE(body);
    EXPECT_EQ(integer_at(*body, {"type"}), 2);
    EXPECT_EQ(string_at(*body, {"topic"}), "Maths with Ann");
    EXPECT_EQ(string_at(*body, {"start_time"}), "2099-12-01T10:00:00Z");
    EXPECT_EQ(integer_at(*body, {"duration"}), 60) << "59 minutes and a second are rounded up";
    EXPECT_EQ(string_at(*body, {"timezone"}), "UTC");
    EXPECT_TRUE(string_at(*body, {"agenda"}).starts_with(tag + " "));
    EXPECT_EQ(at(*body, {"settings", "join_before_host"}), Json::Value(true));
    EXPECT_EQ(at(*body, {"settings", "waiting_room"}), Json::Value(false));
    EXPECT_EQ(at(*body, {"settings", "use_pmi"}), Json::Value(false));
    EXPECT_EQ(integer_at(*body, {"settings", "approval_type"}), 2);
}

TEST_F(ZoomFlow, TopicIsCutBetweenCharacters)
{
    MeetingRequest request = lesson();
    request.title.clear();
    for (int i = 0; i < 300; ++i) {
        request.title += "\xF0\x9F\x8E\x93";  // U+1F393, four bytes
    }
    EXPECT_EQ(zoom::topic(request).size(), 800U);
    request.title = "\n\t ";
    EXPECT_EQ(zoom::topic(request), "Session");
}

TEST_F(ZoomFlow, TagIsShortAndTellsTenantsAndSessionsApart)
{
    EXPECT_LE(tag.size(), 100U);
    MeetingRequest other = test::lesson();
    other.tenant = "tenant4";
    other.session_id = "2";
    EXPECT_NE(zoom::tag(other), tag);
    other = test::lesson();
    other.generation = 3;
    EXPECT_EQ(zoom::tag(other), tag) << "a generation must not hide an earlier meeting";
}

TEST_F(ZoomFlow, AnUnknownOutcomeIsLookedUpAndAdoptedInsteadOfRepeated)
{
    script.no_answer(http::Fault::broken);
    EXPECT_TRUE(create().result.failure().outcome_unknown);

    script.answer(200, page(meeting("1", "ref:other"), "tok/en"))
        .answer(200, page(meeting("2", tag + " text")));
    const CreateOutcome outcome = create(lesson(true));
    ASSERT_TRUE(outcome.result);
    EXPECT_TRUE(outcome.result->adopted);
    EXPECT_EQ(outcome.result->external_id, "2");
    ASSERT_EQ(script.requests.size(), 3U);
    EXPECT_EQ(script.requests[1].url,
              "https://api.zoom.us/v2/users/me/meetings?type=upcoming&page_size=300");
    EXPECT_TRUE(script.requests[2].url.ends_with("&next_page_token=tok%2Fen"));
}

TEST_F(ZoomFlow, CreatesAfterACompleteListWithoutTheTag)
{
    script.answer(200, page(meeting("1", "text " + tag), "next"))
        .answer(200, page(""))
        .answer(201, meeting("2", tag));
    const CreateOutcome outcome = create(lesson(true));
    ASSERT_TRUE(outcome.result);
    EXPECT_FALSE(outcome.result->adopted) << "the tag counts at the start of the agenda only";
    EXPECT_EQ(script.requests.back().method, "POST");
}

TEST_F(ZoomFlow, NeverCreatesAfterAnIncompleteList)
{
    const std::pair<int, std::string> rows[] = {
        {429, R"({"code":429,"message":"Too many"})"},
        {500, ""},
        {401, R"({"code":124,"message":"Access token is expired."})"},
        {200, "<html>"},
        {200, R"({"meetings":{}})"},
        {400, R"({"code":300,"message":"The next page token is invalid or expired."})"}};
    for (const auto& [status, body] : rows) {
        script.answer(200, page("", "next")).answer(status, body);
        const CreateOutcome outcome = create(lesson(true));
        ASSERT_FALSE(outcome.result) << body;
        EXPECT_EQ(outcome.result.failure().stage, Stage::find);
        EXPECT_EQ(script.requests.back().method, "GET");
    }
    script.no_answer(http::Fault::not_sent);
    EXPECT_EQ(create(lesson(true)).result.failure().stage, Stage::find);
}

TEST_F(ZoomFlow, AListThatTurnsInACircleIsAFailure)
{
    script.answer(200, page("", "a")).answer(200, page("", "b")).answer(200, page("", "a"));
    const CreateOutcome outcome = create(lesson(true));
    EXPECT_EQ(outcome.result.failure().reason, Reason::answer_unreadable);
}

TEST_F(ZoomFlow, AListWithoutEndIsAFailure)
{
    for (int i = 0; i < 40; ++i) {
        script.answer(200, page("", "token" + std::to_string(i)));
    }
    EXPECT_EQ(create(lesson(true)).result.failure().reason, Reason::answer_unreadable);
    EXPECT_EQ(script.requests.size(), 40U);
}

TEST_F(ZoomFlow, OfSeveralTheOldestIsKeptAndTheOthersAreReported)
{
    script.answer(
        200, page(meeting("7", tag, "2026-11-22T10:00:02Z") + "," + meeting("5", "foreign") + "," +
                  meeting("6", tag, "2026-11-22T10:00:01Z")));
    const CreateOutcome outcome = create(lesson(true));
    ASSERT_TRUE(outcome.result);
    EXPECT_EQ(outcome.result->external_id, "6");
    EXPECT_EQ(outcome.result->surplus, std::vector<std::string>{"7"});
    EXPECT_EQ(script.requests.size(), 1U) << "people wait for the link";
}

TEST_F(ZoomFlow, ASearchNamesEveryMeetingWithTheMark)
{
    script.answer(200, page(meeting("5", "foreign") + "," + meeting("6", tag), "more"))
        .answer(200, page(meeting("7", tag)));
    const auto found = play(zoom.search(lesson(), token));
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 2U);
    EXPECT_EQ((*found)[0].external_id, "6");
    EXPECT_EQ((*found)[1].external_id, "7");
    script.answer(200, page(meeting("6", tag), "more")).answer(502, "<html>");
    EXPECT_FALSE(play(zoom.search(lesson(), token))) << "half a list does not say what there is";
}

TEST_F(ZoomFlow, ASessionNearItsStartIsSearchedAmongPastMeetingsToo)
{
    MeetingRequest request = lesson(true);
    request.starts_at = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    request.ends_at = request.starts_at + 1h;
    script.answer(200, page("")).answer(201, meeting("2", tag));
    ASSERT_TRUE(create(request).result);
    EXPECT_NE(script.requests[0].url.find("?type=scheduled&"), std::string::npos);
}

TEST_F(ZoomFlow, AnEntryWithoutLinkIsReadInFull)
{
    script.answer(200, page(meeting("6", tag, "2026-11-22T10:00:01Z", "")))
        .answer(200, meeting("6", tag));
    EXPECT_EQ(create(lesson(true)).result->external_id, "6");
    script.answer(200, page(meeting("6", tag, "2026-11-22T10:00:01Z", "")))
        .answer(200, meeting("6", "other"));
    const CreateOutcome wrong = create(lesson(true));
    EXPECT_EQ(wrong.result.failure().reason, Reason::wrong_meeting);
}

TEST_F(ZoomFlow, AnAdoptedMeetingOfAnEarlierTimeIsMoved)
{
    MeetingRequest moved = lesson(true);
    moved.starts_at += 24h;
    moved.ends_at += 24h;
    script.answer(200, page(meeting("6", tag))).answer(204, "");
    const CreateOutcome outcome = create(moved);
    ASSERT_TRUE(outcome.result);
    EXPECT_EQ(outcome.writes, 1) << "the list does not count to the daily budget";
    EXPECT_EQ(script.requests[1].method, "PATCH");
    EXPECT_EQ(string_at(*parse_json(script.requests[1].body), {"start_time"}),
              "2099-12-02T10:00:00Z");
}

TEST_F(ZoomFlow, SuccessThatCannotBeUsedIsAnUnknownOutcome)
{
    const std::pair<std::string, Reason> rows[] = {
        {"<html>", Reason::answer_unreadable},
        {"{}", Reason::answer_unreadable},
        {meeting("1", "[meetlink:other]"), Reason::wrong_meeting},
        {R"({"id":1,"topic":"Chess","join_url":"https://zoom.us/j/1"})", Reason::wrong_meeting},
        {meeting("1", tag, "", ""), Reason::link_missing},
        {meeting("1", tag, "", "http://zoom.us/j/1"), Reason::link_rejected},
        {meeting("1", tag, "", "https://zoom.us.evil.example/j/1"), Reason::link_rejected},
    };
    for (const auto& [body, reason] : rows) {
        script.answer(201, body);
        const CreateOutcome outcome = create();
        ASSERT_FALSE(outcome.result) << body;
        EXPECT_EQ(code(outcome.result.failure().reason), code(reason)) << body;
        EXPECT_TRUE(outcome.result.failure().outcome_unknown) << body;
    }
}

TEST_F(ZoomFlow, ARefusedCreateIsNotUnknown)
{
    script.answer(200, page("")).answer(400, R"({"code":3161,"message":"not allowed"})");
    const CreateOutcome outcome = create(lesson(true));
    EXPECT_EQ(outcome.result.failure().reason, Reason::hosting_not_allowed);
    EXPECT_FALSE(outcome.result.failure().outcome_unknown);
}

TEST_F(ZoomFlow, RefreshUsesBasicCredentialsAndKeepsTheRotatedToken)
{
    script.answer(
        200,
        R"({"access_token":"a2","token_type":"bearer","refresh_token":"r2","expires_in":3600,"api_url":"https://api.zoom.us"})");
    const auto tokens = play(zoom.refresh(Secret("r=1")));
    ASSERT_TRUE(tokens);
    ASSERT_TRUE(tokens->refresh_token);
    EXPECT_EQ(tokens->refresh_token->reveal(), "r2");
    EXPECT_EQ(script.requests[0].headers[0], "Authorization: Basic aWQlM0ExOnMlMkZjcmV0")
        << "id%3A1:s%2Fcret";
    EXPECT_EQ(script.requests[0].body, "grant_type=refresh_token&refresh_token=r%3D1");
    EXPECT_TRUE(zoom.rotates_refresh_tokens());
}

TEST_F(ZoomFlow, ALostRefreshMayHaveRotatedTheToken)
{
    script.no_answer(http::Fault::timed_out).no_answer(http::Fault::not_sent).answer(502, "");
    EXPECT_TRUE(play(zoom.refresh(Secret("r"))).failure().outcome_unknown);
    EXPECT_FALSE(play(zoom.refresh(Secret("r"))).failure().outcome_unknown);
    EXPECT_TRUE(play(zoom.refresh(Secret("r"))).failure().outcome_unknown);
}

TEST_F(ZoomFlow, RescheduleIsOnePatchOfTheTimes)
{
    script.answer(204, "").answer(429, R"({"code":429,"message":"per-day"})");
    EXPECT_TRUE(play(zoom.reschedule(lesson(false), "7", token)));
    EXPECT_FALSE(play(zoom.reschedule(lesson(false), "7", token)));
    ASSERT_EQ(script.requests.size(), 2u);
    EXPECT_EQ(script.requests[0].method, "PATCH");
    EXPECT_TRUE(script.requests[0].url.ends_with("/meetings/7"));
    EXPECT_EQ(script.requests[0].body.find("agenda"), std::string::npos) << "the tag stays";
}

TEST_F(ZoomFlow, CancelTreatsGoneAsDone)
{
    for (const int status : {204, 404, 410}) {
        script.answer(status, "");
        EXPECT_TRUE(play(zoom.cancel("1", token))) << status;
    }
    script.answer(400, R"({"code":3001,"message":"Meeting does not exist: 1."})");
    EXPECT_TRUE(play(zoom.cancel("1", token)));
    script.answer(400, R"({"code":3002,"message":"in progress"})");
    EXPECT_FALSE(play(zoom.cancel("1", token)));
}

TEST_F(ZoomFlow, StartUrlIsNowhere)
{
    script.answer(201, meeting("1", "[meetlink:other]"))
        .answer(201, meeting("1", tag, "", "https://evil.example/"));
    for (int i = 0; i < 2; ++i) {
        const CreateOutcome outcome = play(zoom.create(lesson(), token));
        EXPECT_EQ(outcome.result.failure().detail.find("zak"), std::string::npos);
    }
}

}  // namespace
}  // namespace meetlink::provider
