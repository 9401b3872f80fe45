#include "provider/google.hpp"

#include <gtest/gtest.h>

#include <json/value.h>

#include "base/json.hpp"
#include "provider/google_requests.hpp"
#include "provider_script.hpp"

namespace meetlink::provider {
namespace {

using namespace std::chrono_literals;
using test::play;
using test::Script;

config::Provider settings()
{
    config::Provider provider;
    provider.client_id = "id&1";
    provider.client_secret = Secret("s+cret");
    provider.token_url = "https://oauth2.googleapis.com/token";
    provider.api_base = "https://www.googleapis.com/calendar/v3";
    provider.link_hosts = {"meet.google.com"};
    return provider;
}

/// An event as Google sends it; `conference` is the value of conferenceData, if any.
std::string event(const std::string& id, const std::string& conference,
                  const std::string& session = "42", const std::string& status = "confirmed")
{
    return R"({"id":")" + id + R"(","status":")" + status +
           R"(","start":{"dateTime":"2099-12-01T10:00:00Z"},"end":{"dateTime":"2099-12-01T10:59:01Z"},)" +
           R"("extendedProperties":{"private":{"app":"meetlink","session":")" + session + R"("}})" +
           (conference.empty() ? "" : R"(,"conferenceData":)" + conference) + "}";
}

const std::string pending =
    R"({"createRequest":{"requestId":"r","status":{"statusCode":"pending"}}})";
const std::string failed =
    R"({"createRequest":{"requestId":"r","status":{"statusCode":"failure"}}})";
const std::string ready =
    R"({"createRequest":{"status":{"statusCode":"success"}},"entryPoints":[{"entryPointType":"video","uri":"https://meet.google.com/aaa-bbbb-ccc"}]})";
const std::string duplicate =
    R"({"error":{"code":409,"message":"The requested identifier already exists.","errors":[{"domain":"global","reason":"duplicate"}]}})";
const std::string not_found =
    R"({"error":{"code":404,"message":"Not Found","errors":[{"reason":"notFound"}]}})";

class GoogleFlow : public ::testing::Test {
protected:
    CreateOutcome create(const MeetingRequest& request = test::lesson())
    {
        CreateOutcome outcome = play(google.create(MeetingRequest{request}, token));
        EXPECT_TRUE(script.played_out()) << "fewer requests than expected";
        return outcome;
    }
    static std::string id(int generation = 0)
    {
        MeetingRequest request = test::lesson();
        request.generation = generation;
        return google::event_id(request);
    }

    Script script;
    GooglePace pace{{0ms, 0ms, 0ms, 0ms}, {0ms, 0ms}};
    Google google{settings(), script, 15s, pace};
    Secret token{"ya29.token"};
};

TEST_F(GoogleFlow, InsertsOneEventWithAConferenceAndReturnsItsLink)
{
    script.answer(200, event(id(), ready));
    const CreateOutcome outcome = create();
    ASSERT_TRUE(outcome.result);
    EXPECT_EQ(outcome.result->join_url, "https://meet.google.com/aaa-bbbb-ccc");
    EXPECT_EQ(outcome.result->external_id, id());
    EXPECT_FALSE(outcome.result->adopted);

    ASSERT_EQ(script.requests.size(), 1U);
    const http::Request& request = script.requests[0];
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.url,
              "https://www.googleapis.com/calendar/v3/calendars/primary/events"
              "?conferenceDataVersion=1&sendUpdates=none");
    EXPECT_EQ(request.headers[0], "Authorization: Bearer ya29.token");
    EXPECT_EQ(request.timeout, 15s);
    const auto body = parse_json(request.body);
    ASSERT_TRUE(body);
    EXPECT_EQ(string_at(*body, {"id"}), id());
    EXPECT_EQ(string_at(*body, {"summary"}), "Maths with Ann");
    EXPECT_EQ(string_at(*body, {"start", "dateTime"}), "2099-12-01T10:00:00Z");
    EXPECT_EQ(string_at(*body, {"start", "timeZone"}), "UTC");
    EXPECT_EQ(string_at(*body, {"end", "dateTime"}), "2099-12-01T10:59:01Z");
    EXPECT_EQ(string_at(*body, {"extendedProperties", "private", "app"}), "meetlink");
    EXPECT_EQ(string_at(*body, {"extendedProperties", "private", "session"}), "42");
    EXPECT_EQ(string_at(*body, {"conferenceData", "createRequest", "requestId"}), id());
    EXPECT_EQ(
        string_at(*body, {"conferenceData", "createRequest", "conferenceSolutionKey", "type"}),
        "hangoutsMeet");
}

TEST_F(GoogleFlow, EventIdIsDeterministicDistinctAndInGooglesAlphabet)
{
    EXPECT_EQ(id(), id());
    EXPECT_NE(id(0), id(1));
    MeetingRequest shifted = test::lesson();
    shifted.tenant = "tenant4";
    shifted.session_id = "2";
    EXPECT_NE(google::event_id(shifted), id()) << "tenant and session must not run into each other";
    EXPECT_EQ(id().find_first_not_of("0123456789abcdefghijklmnopqrstuv"), std::string::npos);
    EXPECT_GE(id().size(), 2U + 26U) << "at least 128 bits";
}

TEST_F(GoogleFlow, AnUnknownOutcomeIsRepeatedWithTheSameIdAndAdopted)
{
    script.no_answer(http::Fault::broken);
    const CreateOutcome lost = create();
    ASSERT_FALSE(lost.result);
    EXPECT_EQ(lost.result.failure().reason, Reason::network_error);
    EXPECT_TRUE(lost.result.failure().outcome_unknown);
    EXPECT_EQ(lost.generation, 0);

    MeetingRequest again = test::lesson();
    again.may_exist = true;
    script.answer(409, duplicate).answer(200, event(id(), ready));
    const CreateOutcome outcome = create(again);
    ASSERT_TRUE(outcome.result);
    EXPECT_TRUE(outcome.result->adopted);
    EXPECT_EQ(outcome.generation, 0);
    EXPECT_EQ(script.requests[0].body, script.requests[1].body);
    EXPECT_EQ(script.requests[2].method, "GET");
    EXPECT_TRUE(script.requests[2].url.ends_with("/events/" + id()));
}

TEST_F(GoogleFlow, NotSentIsNotUnknown)
{
    script.no_answer(http::Fault::not_sent);
    EXPECT_FALSE(create().result.failure().outcome_unknown);
    script.no_answer(http::Fault::timed_out);
    const CreateOutcome slow = create();
    EXPECT_EQ(slow.result.failure().reason, Reason::provider_timeout);
    EXPECT_TRUE(slow.result.failure().outcome_unknown);
}

TEST_F(GoogleFlow, ADeletedEventBurnsItsIdAndTheNextGenerationIsUsed)
{
    script.answer(409, duplicate)
        .answer(200, event(id(0), ready, "42", "cancelled"))
        .answer(200, event(id(1), ready));
    const CreateOutcome outcome = create();
    ASSERT_TRUE(outcome.result);
    EXPECT_EQ(outcome.generation, 1);
    EXPECT_EQ(outcome.result->generation, 1);
    EXPECT_EQ(outcome.result->external_id, id(1));
}

TEST_F(GoogleFlow, AForeignEventWithOurIdIsNeverAdopted)
{
    script.answer(409, duplicate)
        .answer(200, event(id(0), ready, "43"))
        .answer(200, event(id(1), ready));
    EXPECT_EQ(create().generation, 1);
}

TEST_F(GoogleFlow, AnIdThatIsTakenButNeverReadableIsGivenUp)
{
    script.answer(409, duplicate)
        .answer(404, not_found)
        .answer(404, not_found)
        .answer(404, not_found);
    script.answer(200, event(id(1), ready));
    EXPECT_EQ(create().generation, 1);
}

TEST_F(GoogleFlow, AnIdThatIsTakenAndReadableAMomentLaterIsAdopted)
{
    script.answer(409, duplicate).answer(404, not_found).answer(200, event(id(), ready));
    const CreateOutcome outcome = create();
    EXPECT_TRUE(outcome.result->adopted);
    EXPECT_EQ(outcome.generation, 0);
}

TEST_F(GoogleFlow, BurntIdsAreBoundedAndTheNextAttemptGoesOnWhereThisOneStopped)
{
    for (int generation = 0; generation < 4; ++generation) {
        script.answer(409, duplicate).answer(200, event(id(generation), "", "42", "cancelled"));
    }
    const CreateOutcome outcome = create();
    EXPECT_EQ(outcome.result.failure().reason, Reason::meeting_vanished);
    EXPECT_EQ(outcome.generation, 4);
}

TEST_F(GoogleFlow, ARejectedTokenAsksForARefreshWhereverItHappens)
{
    const std::string rejected = R"({"error":{"code":401,"errors":[{"reason":"authError"}]}})";
    script.answer(401, rejected);
    EXPECT_TRUE(create().result.failure().refresh_may_help);
    script.answer(409, duplicate).answer(401, rejected);
    const CreateOutcome outcome = create();
    EXPECT_TRUE(outcome.result.failure().refresh_may_help);
    EXPECT_EQ(outcome.result.failure().stage, Stage::find);
}

TEST_F(GoogleFlow, APendingConferenceIsPolled)
{
    script.answer(200, event(id(), pending))
        .answer(200, event(id(), pending))
        .answer(200, event(id(), ready));
    const CreateOutcome outcome = create();
    ASSERT_TRUE(outcome.result);
    EXPECT_EQ(script.requests.size(), 3U);
    EXPECT_EQ(script.requests[2].method, "GET");
}

TEST_F(GoogleFlow, AConferenceThatStaysPendingIsLookedUpAgainLaterByTheSameId)
{
    for (int i = 0; i < 5; ++i) {
        script.answer(200, event(id(), pending));
    }
    const CreateOutcome outcome = create();
    EXPECT_EQ(outcome.result.failure().reason, Reason::conference_pending);
    EXPECT_EQ(outcome.result.failure().stage, Stage::poll);
    EXPECT_TRUE(outcome.result.failure().outcome_unknown);
    EXPECT_EQ(outcome.generation, 0);
}

TEST_F(GoogleFlow, ASearchWalksTheIdsUntilOneWasNeverUsed)
{
    script.answer(200, event(id(0), ready, "42", "cancelled"))
        .answer(200, event(id(1), ready))
        .answer(404, "")
        .answer(404, "")
        .answer(404, "");
    const auto found = play(google.search(test::lesson(), token));
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 1U);
    EXPECT_EQ(found->front().external_id, id(1));
    script.answer(200, event(id(0), ready, "another session")).answer(503, "");
    EXPECT_FALSE(play(google.search(test::lesson(), token)));
}

TEST_F(GoogleFlow, TheDefaultPaceStaysInsideALease)
{
    std::chrono::milliseconds sum{};
    for (const auto delay : GooglePace{}.conference) {
        sum += delay;
    }
    EXPECT_LE(sum, 8s);
}

TEST_F(GoogleFlow, AFailedConferenceIsAskedForAgainUnderNewRequestIds)
{
    script.answer(200, event(id(), failed))
        .answer(200, event(id(), pending))
        .answer(200, event(id(), ready));
    ASSERT_TRUE(create().result);
    const http::Request& patch = script.requests[1];
    EXPECT_EQ(patch.method, "PATCH");
    EXPECT_TRUE(patch.url.ends_with("/" + id() + "?conferenceDataVersion=1&sendUpdates=none"));
    const std::string renewed =
        string_at(*parse_json(patch.body), {"conferenceData", "createRequest", "requestId"});
    EXPECT_NE(renewed, "r");
    EXPECT_FALSE(renewed.empty());
}

TEST_F(GoogleFlow, AConferenceThatFailsThreeTimesIsUnavailable)
{
    script.answer(200, event(id(), failed))
        .answer(200, event(id(), failed))
        .answer(200, event(id(), failed));
    EXPECT_EQ(create().result.failure().reason, Reason::meet_unavailable);
    EXPECT_NE(google::next_request_id("e", "a", "1"), google::next_request_id("e", "b", "1"));
    EXPECT_NE(google::next_request_id("e", "a", "1"), google::next_request_id("e", "a", "2"));
}

TEST_F(GoogleFlow, AnInsertWithoutConferenceMeansThatMeetIsOff)
{
    script.answer(200, event(id(), ""));
    EXPECT_EQ(create().result.failure().reason, Reason::meet_unavailable);
}

TEST_F(GoogleFlow, OnceMeetIsTurnedOnTheOldEventGetsItsConference)
{
    script.answer(409, duplicate).answer(200, event(id(), "")).answer(200, event(id(), ready));
    const CreateOutcome outcome = create();
    ASSERT_TRUE(outcome.result);
    EXPECT_TRUE(outcome.result->adopted);
    EXPECT_EQ(script.requests[2].method, "PATCH");
}

TEST_F(GoogleFlow, AnAdoptedEventOfAnEarlierTimeIsMoved)
{
    MeetingRequest moved = test::lesson();
    moved.starts_at += 24h;
    moved.ends_at += 24h;
    script.answer(409, duplicate).answer(200, event(id(), ready)).answer(200, event(id(), ready));
    ASSERT_TRUE(create(moved).result);
    EXPECT_EQ(script.requests[2].method, "PATCH");
    EXPECT_EQ(string_at(*parse_json(script.requests[2].body), {"start", "dateTime"}),
              "2099-12-02T10:00:00Z");
}

TEST_F(GoogleFlow, AnEventDeletedWhilePollingRaisesTheGeneration)
{
    script.answer(200, event(id(), pending)).answer(200, event(id(), pending, "42", "cancelled"));
    const CreateOutcome outcome = create();
    EXPECT_EQ(outcome.result.failure().reason, Reason::meeting_vanished);
    EXPECT_EQ(outcome.generation, 1);
}

TEST_F(GoogleFlow, SuccessThatCannotBeUsedIsAnUnknownOutcome)
{
    const std::pair<std::string, Reason> rows[] = {
        {"<html>", Reason::answer_unreadable},
        {"", Reason::answer_unreadable},
        {"{}", Reason::answer_unreadable},
        {event("mlanother", ready), Reason::wrong_meeting},
        {event(id(), ready, "43"), Reason::wrong_meeting},
        {event(id(), "{}"), Reason::link_missing},
        {event(id(),
               R"j({"entryPoints":[{"entryPointType":"video","uri":"javascript:alert(1)"}]})j"),
         Reason::link_rejected},
        {event(id(),
               R"({"entryPoints":[{"entryPointType":"video","uri":"https://evil.example/x"}]})"),
         Reason::link_rejected},
    };
    for (const auto& [body, reason] : rows) {
        script.answer(200, body);
        const CreateOutcome outcome = create();
        ASSERT_FALSE(outcome.result) << body;
        EXPECT_EQ(code(outcome.result.failure().reason), code(reason)) << body;
        EXPECT_TRUE(outcome.result.failure().outcome_unknown) << body;
    }
    script.answer(
        200,
        event(
            id(),
            R"({"entryPoints":[{"entryPointType":"video","uri":"https://evil.example/path?secret"}]})"));
    const std::string detail = create().result.failure().detail;
    EXPECT_NE(detail.find("evil.example"), std::string::npos);
    EXPECT_EQ(detail.find("secret"), std::string::npos) << "only the host is told";
}

TEST_F(GoogleFlow, NothingIsSentForATokenThatWouldSplitAHeaderOrAnImpossibleTime)
{
    token = Secret("a\r\nX-Evil: 1");
    EXPECT_EQ(create().result.failure().reason, Reason::token_malformed);
    token = Secret("");
    EXPECT_EQ(create().result.failure().reason, Reason::token_missing);
    token = Secret("fine");
    MeetingRequest backwards = test::lesson();
    backwards.ends_at = backwards.starts_at;
    EXPECT_EQ(create(backwards).result.failure().reason, Reason::invalid_schedule);
    EXPECT_TRUE(script.requests.empty());
}

TEST_F(GoogleFlow, LongSessionKeysAreFingerprintedWhereGoogleWouldCutThem)
{
    MeetingRequest request = test::lesson();
    request.session_id = std::string(2000, 'k');
    EXPECT_LE(google::session_property(request).size(), 1024U);
    script.answer(409, duplicate)
        .answer(200, event(google::event_id(request), ready, google::session_property(request)));
    EXPECT_TRUE(create(request).result->adopted);
}

TEST_F(GoogleFlow, RefreshSendsAFormAndReadsTheTokens)
{
    script.answer(
        200,
        R"({"access_token":"new","expires_in":3599,"scope":"s","token_type":"Bearer","refresh_token_expires_in":604799})");
    const auto tokens = play(google.refresh(Secret("1//r&t")));
    ASSERT_TRUE(tokens);
    EXPECT_EQ(tokens->access_token.reveal(), "new");
    EXPECT_FALSE(tokens->refresh_token.has_value());
    EXPECT_EQ(tokens->expires_in, 3599s);
    EXPECT_EQ(tokens->refresh_expires_in, 604799s);
    EXPECT_EQ(script.requests[0].url, "https://oauth2.googleapis.com/token");
    EXPECT_EQ(script.requests[0].body,
              "grant_type=refresh_token&refresh_token=1%2F%2Fr%26t&client_id=id%261&client_secret="
              "s%2Bcret");
}

TEST_F(GoogleFlow, ALostRefreshIsNotUnknownBecauseNothingIsRotated)
{
    script.no_answer(http::Fault::timed_out).answer(200, "<html>");
    EXPECT_FALSE(play(google.refresh(Secret("r"))).failure().outcome_unknown);
    const auto unreadable = play(google.refresh(Secret("r")));
    EXPECT_EQ(unreadable.failure().reason, Reason::answer_unreadable);
    EXPECT_FALSE(unreadable.failure().outcome_unknown);
    EXPECT_FALSE(google.rotates_refresh_tokens());
}

TEST_F(GoogleFlow, RescheduleIsOnePatchOfTheTimes)
{
    script.answer(200, "{}").answer(503, "");
    EXPECT_TRUE(play(google.reschedule(test::lesson(), "ml1", token)));
    EXPECT_EQ(play(google.reschedule(test::lesson(), "ml1", token)).failure().reason,
              Reason::provider_unavailable);
    MeetingRequest backwards = test::lesson();
    backwards.ends_at = backwards.starts_at;
    EXPECT_EQ(play(google.reschedule(backwards, "ml1", token)).failure().reason,
              Reason::invalid_schedule);
    ASSERT_EQ(script.requests.size(), 2u);
    EXPECT_EQ(script.requests[0].method, "PATCH");
    EXPECT_TRUE(script.requests[0].url.find("/events/ml1?") != std::string::npos);
    EXPECT_EQ(script.requests[0].body.find("conferenceData"), std::string::npos)
        << "which stays as it is";
}

TEST_F(GoogleFlow, CancelTreatsGoneAsDone)
{
    for (const int status : {204, 200, 404, 410}) {
        script.answer(status, "");
        EXPECT_TRUE(play(google.cancel("ml1", token))) << status;
    }
    EXPECT_EQ(script.requests[0].method, "DELETE");
    EXPECT_TRUE(script.requests[0].url.ends_with("/events/ml1?sendUpdates=none"));
    script.answer(503, "");
    EXPECT_EQ(play(google.cancel("ml1", token)).failure().reason, Reason::provider_unavailable);
}

}  // namespace
}  // namespace meetlink::provider
