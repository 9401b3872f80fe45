// What PROVIDERS.md section 1 says of Google, seen from a client.

#include "client.hpp"
#include "json.hpp"

namespace meetlink::standin {
namespace {

class GoogleTest : public StandinTest {
protected:
    GoogleTest() { account("google"); }
};

TEST_F(GoogleTest, InsertAnswers200WithALinkAtOnce)
{
    const auto reply = insert("tb00001");
    ASSERT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(conference_status(reply.json), "success");
    const auto link = reply.json["hangoutLink"].asString();
    EXPECT_TRUE(link.starts_with("https://meet.google.com/"));
    EXPECT_EQ(reply.json["conferenceData"]["entryPoints"][0]["uri"].asString(), link);
    EXPECT_EQ(reply.json["iCalUID"].asString(), "tb00001@google.com");
}

TEST_F(GoogleTest, Version0DropsTheConferenceSilently)
{
    const auto reply = insert("tb00001", "", 0);
    EXPECT_EQ(reply.status, 200);
    EXPECT_FALSE(reply.json.isMember("conferenceData"));
    EXPECT_FALSE(reply.json.isMember("hangoutLink"));
}

TEST_F(GoogleTest, EventIdsAreBase32Hex)
{
    for (const char* id : {"abcd", "tb-0001", "TB00001", "tbwxyz1", "tb_0001"}) {
        const auto reply = insert(id);
        EXPECT_EQ(reply.status, 400) << id;
        EXPECT_EQ(reply.google_reason(), "invalid");
    }
    EXPECT_EQ(insert(std::string(1025, 'a')).status, 400);
    EXPECT_EQ(insert(std::string(1024, 'a')).status, 200);
}

TEST_F(GoogleTest, ADuplicateIdIsRefusedLiveAndCancelled)
{
    EXPECT_EQ(insert("tb00001").status, 200);
    const auto live = insert("tb00001");
    EXPECT_EQ(live.status, 409);
    EXPECT_EQ(live.google_reason(), "duplicate");

    EXPECT_EQ(api("DELETE", std::string{events} + "/tb00001").status, 204);
    EXPECT_EQ(insert("tb00001").status, 409);
    EXPECT_EQ(admin("GET", "meetings?session=42")["count"], 1);
    EXPECT_EQ(admin("GET", "meetings?session=42")["live"], 0);
}

TEST_F(GoogleTest, ADeletedEventIsShownCancelledAndCannotBeDeletedTwice)
{
    insert("tb00001");
    const auto first = api("DELETE", std::string{events} + "/tb00001");
    EXPECT_EQ(first.status, 204);
    EXPECT_EQ(first.body, "");
    const auto shown = get_event("tb00001");
    EXPECT_EQ(shown.status, 200);
    EXPECT_EQ(shown.json["status"].asString(), "cancelled");
    const auto second = api("DELETE", std::string{events} + "/tb00001");
    EXPECT_EQ(second.status, 410);
    EXPECT_EQ(second.google_reason(), "deleted");
    EXPECT_EQ(api("DELETE", std::string{events} + "/tb99999").status, 404);
}

TEST_F(GoogleTest, PatchUndeletesUnlessAPersonDeleted)
{
    const auto target = std::string{events} + "/tb00001?conferenceDataVersion=1";
    insert("tb00001");
    api("DELETE", std::string{events} + "/tb00001");
    EXPECT_EQ(api("PATCH", target, R"({"status":"confirmed"})").json["status"].asString(),
              "confirmed");
    admin("DELETE", std::string{"meetings/google/"} + owner + "/tb00001");
    EXPECT_EQ(api("PATCH", target, R"({"status":"confirmed"})").status, 403);
}

TEST_F(GoogleTest, PendingThenSuccess)
{
    fault(
        R"({"provider":"google","operation":"insert","effect":"conference_pending","answers":3})");
    EXPECT_EQ(conference_status(insert("tb00001").json), "pending");
    EXPECT_EQ(conference_status(get_event("tb00001").json), "pending");
    const auto third = get_event("tb00001");
    EXPECT_EQ(conference_status(third.json), "pending");
    EXPECT_FALSE(third.json.isMember("hangoutLink"));
    const auto fourth = get_event("tb00001");
    EXPECT_EQ(conference_status(fourth.json), "success");
    EXPECT_TRUE(fourth.json.isMember("hangoutLink"));
}

TEST_F(GoogleTest, FailureUntilANewRequestId)
{
    fault(
        R"({"provider":"google","operation":"insert","effect":"conference_failure","answers":1})");
    EXPECT_EQ(conference_status(insert("tb00001").json), "pending");
    const auto failed = get_event("tb00001").json;
    EXPECT_EQ(conference_status(failed), "failure");
    EXPECT_FALSE(failed["conferenceData"].isMember("entryPoints"));

    const auto patch = [&](const std::string& request_id) {
        return api("PATCH", std::string{events} + "/tb00001?conferenceDataVersion=1",
                   R"({"conferenceData":{"createRequest":{"requestId":")" + request_id + R"("}}})")
            .json;
    };
    EXPECT_EQ(conference_status(patch("tb00001")), "failure") << "same requestId is ignored";
    EXPECT_EQ(conference_status(patch("another")), "success");
}

TEST_F(GoogleTest, NoConferenceAtAll)
{
    fault(R"({"provider":"google","operation":"insert","effect":"conference_absent"})");
    const auto reply = insert("tb00001");
    EXPECT_EQ(reply.status, 200);
    EXPECT_FALSE(reply.json.isMember("conferenceData"));
}

TEST_F(GoogleTest, RequestIdDecidesTheRoom)
{
    const auto first = insert("tb00001").json["hangoutLink"];
    const auto second = insert("tb00002").json["hangoutLink"];
    EXPECT_NE(first, second);
    const auto target = std::string{events} + "/tb00001?conferenceDataVersion=1";
    const auto moved = api("PATCH", target,
                           R"({"start":{"dateTime":"2030-01-02T10:00:00Z"},
                               "end":{"dateTime":"2030-01-02T11:00:00Z"}})");
    EXPECT_EQ(moved.json["hangoutLink"], first) << "a reschedule keeps the room";
    EXPECT_EQ(moved.json["sequence"], 1);
    const auto shared =
        api("PATCH", target, R"({"conferenceData":{"createRequest":{"requestId":"tb00002"}}})");
    EXPECT_EQ(shared.json["hangoutLink"], second) << "a reused requestId shares the room";
}

TEST_F(GoogleTest, PutReplacesAndMayLoseTheLink)
{
    insert("tb00001");
    const auto put = [&](int version) {
        return api("PUT",
                   std::string{events} +
                       "/tb00001?conferenceDataVersion=" + std::to_string(version),
                   R"({"start":{"dateTime":"2030-01-01T10:00:00Z"},
                       "end":{"dateTime":"2030-01-01T11:00:00Z"}})")
            .json;
    };
    EXPECT_TRUE(put(0).isMember("hangoutLink"));
    EXPECT_FALSE(put(0).isMember("summary"));
    EXPECT_FALSE(put(1).isMember("hangoutLink"));
}

TEST_F(GoogleTest, IfMatchGuardsAgainstLostUpdates)
{
    const auto etag = insert("tb00001").json["etag"].asString();
    const auto target = std::string{events} + "/tb00001";
    EXPECT_EQ(api("PATCH", target, R"({"summary":"x"})", {{"If-Match", etag}}).status, 200);
    EXPECT_EQ(api("PATCH", target, R"({"summary":"y"})", {{"If-Match", etag}}).status, 412);
    EXPECT_EQ(api("DELETE", target, "", {{"If-Match", etag}}).status, 412);
}

TEST_F(GoogleTest, ListsByPrivatePropertyInPages)
{
    for (int i = 0; i < 5; ++i) insert("tb0000" + std::to_string(i));
    api("DELETE", std::string{events} + "/tb00000");
    const std::string list =
        std::string{events} + "?privateExtendedProperty=session%3D42&maxResults=3";
    const auto first = api("GET", list).json;
    EXPECT_EQ(first["items"].size(), 3U);
    const auto second = api("GET", list + "&pageToken=" + first["nextPageToken"].asString()).json;
    EXPECT_EQ(second["items"].size(), 1U);
    EXPECT_FALSE(second.isMember("nextPageToken"));
    EXPECT_EQ(api("GET", std::string{events} + "?showDeleted=true").json["items"].size(), 5U);
    EXPECT_EQ(api("GET", list + "&privateExtendedProperty=app%3Dother").json["items"].size(), 0U);
}

TEST_F(GoogleTest, AnEmptyPageMayHaveASuccessor)
{
    insert("tb00001");
    fault(R"({"provider":"google","operation":"list","effect":"empty_page"})");
    const auto first = api("GET", events).json;
    EXPECT_EQ(first["items"].size(), 0U);
    ASSERT_TRUE(first.isMember("nextPageToken"));
    const auto second =
        api("GET", std::string{events} + "?pageToken=" + first["nextPageToken"].asString()).json;
    EXPECT_EQ(second["items"].size(), 1U);
}

TEST_F(GoogleTest, AnExpiredTokenIsRefreshedWithoutRotation)
{
    admin("POST", std::string{"accounts/google/"} + owner + "/expire");
    const auto refused = insert("tb00001");
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(refused.google_reason(), "authError");
    const auto grant = google_refresh(refresh);
    ASSERT_EQ(grant.status, 200) << grant.body;
    EXPECT_FALSE(grant.json.isMember("refresh_token"));
    EXPECT_EQ(google_refresh(refresh).status, 200) << "the refresh token stays valid";
    access = grant.json["access_token"].asString();
    EXPECT_EQ(insert("tb00001").status, 200);

    admin("POST", "clock", R"({"advance_s":3600})");
    EXPECT_EQ(get_event("tb00001").status, 401) << "an hour later it has expired by itself";
}

TEST_F(GoogleTest, ARevokedGrantComesBackWithConsent)
{
    admin("POST", std::string{"accounts/google/"} + owner + "/revoke");
    const auto refused = google_refresh(refresh);
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.json["error"], "invalid_grant");
    EXPECT_EQ(refused.json["error_description"], "Token has been expired or revoked.");
    EXPECT_EQ(insert("tb00001").status, 401);
    const auto again = admin("POST", std::string{"accounts/google/"} + owner + "/grant");
    access = again["access_token"].asString();
    EXPECT_EQ(insert("tb00001").status, 200);
    EXPECT_EQ(google_refresh(refresh).status, 400);
    EXPECT_EQ(google_refresh(again["refresh_token"].asString()).status, 200);
}

TEST_F(GoogleTest, The101stGrantKillsTheOldest)
{
    for (int i = 0; i < 99; ++i) admin("POST", std::string{"accounts/google/"} + owner + "/grant");
    EXPECT_EQ(google_refresh(refresh).status, 200);
    admin("POST", std::string{"accounts/google/"} + owner + "/grant");
    EXPECT_EQ(google_refresh(refresh).status, 400);
}

TEST_F(GoogleTest, TokenEndpointErrors)
{
    const auto post = [&](const std::string& form) {
        const auto reply = plain_.send("POST", "/google/token", form);
        return std::to_string(reply.status) + ' ' + text_of(reply.json, "error") + ": " +
               text_of(reply.json, "error_description");
    };
    EXPECT_EQ(post(""), "400 invalid_request: Could not determine client ID from request.");
    EXPECT_EQ(post("client_id=nobody"), "401 invalid_client: The OAuth client was not found.");
    EXPECT_EQ(post("client_id=app"), "400 invalid_request: client_secret is missing.");
    EXPECT_EQ(post("client_id=app&client_secret=x"), "401 invalid_client: Unauthorized");
    const std::string client = "client_id=app&client_secret=s3cret";
    EXPECT_EQ(post(client + "&grant_type=foo"),
              "400 unsupported_grant_type: Invalid grant_type: foo");
    EXPECT_EQ(post(client + "&grant_type=refresh_token&refresh_token=x"),
              "400 invalid_grant: Bad Request");
    EXPECT_EQ(plain_.send("GET", "/google/token").status, 405);
    EXPECT_EQ(
        plain_
            .send("POST", "/google/token", "grant_type=refresh_token&refresh_token=" + refresh,
                  {{"Authorization", "Basic YXBwOnMzY3JldA=="}})
            .status,
        200)
        << "Basic credentials are accepted too";
    admin("POST", "clients",
          R"({"provider":"google","client_id":"app","client_secret":"changed"})");
    EXPECT_EQ(google_refresh(refresh).status, 401);
}

TEST_F(GoogleTest, ScopesAndCalendars)
{
    EXPECT_EQ(api("GET", "/calendar/v3/calendars/primary").google_reason(),
              "insufficientPermissions")
        << "calendar.events does not cover calendars.get";
    EXPECT_EQ(api("GET", "/calendar/v3/calendars/tutor%40example.org/events").status, 200);
    EXPECT_EQ(api("GET", "/calendar/v3/calendars/other%40example.org/events").status, 404);
    admin("PATCH", std::string{"accounts/google/"} + owner,
          R"({"scope":"https://www.googleapis.com/auth/calendar.readonly","meet_allowed":false})");
    EXPECT_EQ(insert("tb00001").status, 403);
    EXPECT_EQ(api("GET", "/calendar/v3/calendars/primary")
                  .json["conferenceProperties"]["allowedConferenceSolutionTypes"]
                  .size(),
              0U);
    admin("PATCH", std::string{"accounts/google/"} + owner,
          R"({"scope":"https://www.googleapis.com/auth/calendar"})");
    const auto refused = insert("tb00001");
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.json["error"]["message"], "Invalid conference type value.");
}

TEST_F(GoogleTest, BadRequests)
{
    EXPECT_EQ(api("POST", events, "{").google_reason(), "parseError");
    EXPECT_EQ(api("POST", events, R"({"summary":"x"})").google_reason(), "required");
    EXPECT_EQ(api("POST", events,
                  R"({"start":{"dateTime":"2030-01-01T11:00:00Z"},
                      "end":{"dateTime":"2030-01-01T10:00:00Z"}})")
                  .google_reason(),
              "timeRangeEmpty");
    EXPECT_EQ(plain_.send("GET", events).status, 401);
}

}  // namespace
}  // namespace meetlink::standin
