// What PROVIDERS.md section 2 says of Zoom, seen from a client.

#include "client.hpp"
#include "json.hpp"

namespace meetlink::standin {
namespace {

class ZoomTest : public StandinTest {
protected:
    ZoomTest() { account("zoom"); }
    Reply list(const std::string& query = "")
    {
        return api("GET", "/v2/users/me/meetings" + query);
    }
    static std::string path_of(const Reply& created)
    {
        return "/v2/meetings/" + std::to_string(created.json["id"].asInt64());
    }
};

TEST_F(ZoomTest, CreateAnswers201WithALinkAndASecret)
{
    const auto reply = create_meeting();
    ASSERT_EQ(reply.status, 201) << reply.body;
    EXPECT_GT(reply.json["id"].asInt64(), 9'999'999'999);
    EXPECT_NE(reply.json["join_url"].asString().find(".zoom.us/j/"), std::string::npos);
    EXPECT_NE(reply.json["start_url"].asString().find("standin-secret"), std::string::npos);
    EXPECT_EQ(reply.json["start_time"], "2030-01-01T10:00:00Z");
    EXPECT_EQ(reply.json["settings"]["join_before_host"], true);
    EXPECT_EQ(admin("GET", "meetings?session=42")["live"], 1);
    EXPECT_EQ(admin("GET", "meetings?session=4")["live"], 0) << "42 is not 4";
    EXPECT_EQ(admin("GET", "meetings?tag=ref:42-1")["live"], 1);
}

TEST_F(ZoomTest, RotationKillsTheUsedTokenAtOnce)
{
    const auto first = zoom_refresh(refresh);
    ASSERT_EQ(first.status, 200) << first.body;
    const auto next = first.json["refresh_token"].asString();
    EXPECT_NE(next, refresh);
    const auto again = zoom_refresh(refresh);
    EXPECT_EQ(again.status, 400);
    EXPECT_EQ(again.body, R"({"reason":"Invalid Token!","error":"invalid_grant"})");
    EXPECT_EQ(zoom_refresh(next).status, 200);
    EXPECT_EQ(list().status, 200) << "the earlier access token stays valid";
}

TEST_F(ZoomTest, AGraceKeepsTheUsedTokenForAWhile)
{
    admin("PATCH", std::string{"accounts/zoom/"} + owner, R"({"rotation_grace_s":60})");
    EXPECT_EQ(zoom_refresh(refresh).status, 200);
    EXPECT_EQ(zoom_refresh(refresh).status, 200);
    admin("POST", "clock", R"({"advance_s":61})");
    EXPECT_EQ(zoom_refresh(refresh).status, 400);
}

TEST_F(ZoomTest, AnotherConsentKillsEarlierTokens)
{
    const auto again = admin("POST", std::string{"accounts/zoom/"} + owner + "/grant");
    EXPECT_EQ(zoom_refresh(refresh).status, 400);
    EXPECT_EQ(list().json["code"], 124);
    access = again["access_token"].asString();
    EXPECT_EQ(list().status, 200);
}

TEST_F(ZoomTest, TokenEndpointErrors)
{
    EXPECT_EQ(plain_.send("POST", "/zoom/oauth/token", "grant_type=refresh_token").status, 401);
    EXPECT_EQ(
        plain_
            .send("POST", "/zoom/oauth/token?grant_type=refresh_token&refresh_token=" + refresh, "",
                  {{"Authorization", "Basic YXBwOnMzY3JldA=="}})
            .status,
        400)
        << "parameters in the query are refused";
    admin("POST", "clients", R"({"provider":"zoom","client_id":"app","client_secret":"changed"})");
    const auto refused = zoom_refresh(refresh);
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(refused.json["error"], "invalid_client");
}

TEST_F(ZoomTest, ExpiredAndUnknownAccessTokens)
{
    admin("POST", std::string{"accounts/zoom/"} + owner + "/expire");
    const auto expired = create_meeting();
    EXPECT_EQ(expired.status, 401);
    EXPECT_EQ(expired.body, R"({"code":124,"message":"Access token is expired."})");
    access = "nonsense";
    EXPECT_EQ(create_meeting().body, R"({"code":124,"message":"Invalid access token."})");
}

TEST_F(ZoomTest, MissingScopesAreNamed)
{
    admin("PATCH", std::string{"accounts/zoom/"} + owner, R"({"scope":"meeting:read:meeting"})");
    const auto refused = create_meeting();
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.json["code"], 4711);
    EXPECT_NE(refused.body.find("[meeting:write:meeting:admin, meeting:write:meeting]"),
              std::string::npos);
    admin("PATCH", std::string{"accounts/zoom/"} + owner, R"({"scope":"meeting:write"})");
    EXPECT_EQ(create_meeting().status, 201) << "the classic scope covers it";
}

TEST_F(ZoomTest, UpdateIsEmpty204AndIgnoresAStartInThePast)
{
    const auto created = create_meeting();
    const auto path = path_of(created);
    const auto past = api("PATCH", path, R"({"start_time":"2020-01-01T10:00:00Z","topic":"New"})");
    EXPECT_EQ(past.status, 204);
    EXPECT_EQ(past.body, "");
    auto shown = api("GET", path).json;
    EXPECT_EQ(shown["start_time"], "2030-01-01T10:00:00Z");
    EXPECT_EQ(shown["topic"], "New");
    EXPECT_EQ(api("PATCH", path, R"({"start_time":"2031-01-01T10:00:00Z"})").status, 204);
    shown = api("GET", path).json;
    EXPECT_EQ(shown["start_time"], "2031-01-01T10:00:00Z");
    EXPECT_EQ(shown["join_url"], created.json["join_url"]);
}

TEST_F(ZoomTest, SettingsItDoesNotHaveAreDroppedAndAWaitingRoomRulesOutJoiningEarly)
{
    const auto created = api("POST", "/v2/users/me/meetings",
                             R"({"start_time":"2030-01-01T10:00:00Z","settings":{"unknown":1,
                                 "audio":7,"jbh_time":5,"join_before_host":true}})");
    ASSERT_EQ(created.status, 201);
    const auto& settings = created.json["settings"];
    EXPECT_EQ(settings.size(), 18U);
    EXPECT_EQ(settings["audio"], "both") << "of another type";
    EXPECT_EQ(settings["jbh_time"], 5);
    EXPECT_EQ(settings["join_before_host"], false) << "there is a waiting room";
    const auto path = path_of(created);
    EXPECT_EQ(
        api("PATCH", path, R"({"settings":{"waiting_room":false,"join_before_host":true}})").status,
        204);
    const auto changed = api("GET", path).json["settings"];
    EXPECT_EQ(changed["join_before_host"], true);
    EXPECT_EQ(changed["jbh_time"], 5) << "what is not named stays";
    EXPECT_EQ(api("PATCH", path, R"({"settings":{"waiting_room":true}})").status, 204);
    EXPECT_EQ(api("GET", path).json["settings"]["join_before_host"], false);
}

TEST_F(ZoomTest, DeleteTwiceIs404With3001)
{
    const auto path = path_of(create_meeting());
    EXPECT_EQ(api("DELETE", path).status, 204);
    for (const char* method : {"DELETE", "GET"}) {
        const auto gone = api(method, path);
        EXPECT_EQ(gone.status, 404);
        EXPECT_EQ(gone.json["code"], 3001);
    }
    EXPECT_EQ(api("PUT", path + "/status", R"({"action":"recover"})").status, 204);
    EXPECT_EQ(api("GET", path).status, 200);
}

TEST_F(ZoomTest, ListCutsTheAgendaAndHidesSecrets)
{
    create_meeting(std::string(300, 'a'));
    const auto item = list().json["meetings"][0];
    EXPECT_EQ(item["agenda"].asString().size(), 250U);
    for (const char* key : {"start_url", "password", "status", "settings", "tracking_fields"}) {
        EXPECT_FALSE(item.isMember(key)) << key;
    }
}

TEST_F(ZoomTest, ListPagesUntilTheTokenExpires)
{
    for (int i = 0; i < 5; ++i) create_meeting();
    const auto first = list("?type=upcoming&page_size=3").json;
    EXPECT_EQ(first["meetings"].size(), 3U);
    const auto rest =
        "?type=upcoming&page_size=3&next_page_token=" + first["next_page_token"].asString();
    const auto second = list(rest).json;
    EXPECT_EQ(second["meetings"].size(), 2U);
    EXPECT_EQ(second["next_page_token"], "");
    admin("POST", "clock", R"({"advance_s":900})");
    EXPECT_EQ(list(rest).status, 400);
    EXPECT_EQ(list("?page_size=301").status, 400);
}

TEST_F(ZoomTest, InstantMeetingsAreNotListed)
{
    const auto reply = api("POST", "/v2/users/me/meetings", R"({"topic":"now","type":2})");
    EXPECT_EQ(reply.status, 201);
    EXPECT_EQ(reply.json["type"], 1) << "without a start it begins now";
    EXPECT_EQ(list().json["meetings"].size(), 0U);
}

TEST_F(ZoomTest, TheDaysLimitEndsAtMidnightUtc)
{
    admin("PATCH", std::string{"accounts/zoom/"} + owner, R"({"daily_limit":2})");
    const auto path = path_of(create_meeting());
    EXPECT_EQ(api("PATCH", path, R"({"topic":"x"})").status, 204);
    const auto refused = create_meeting();
    EXPECT_EQ(refused.status, 429);
    EXPECT_TRUE(refused.headers.at("retry-after").ends_with("T00:00:00Z"));
    EXPECT_NE(refused.body.find("Meeting Create/Update"), std::string::npos);
    EXPECT_EQ(api("GET", path).status, 200) << "reads and deletes do not count";
    EXPECT_EQ(api("DELETE", path).status, 204);
    admin("POST", "clock", R"({"advance_s":86400})");
    EXPECT_EQ(zoom_refresh(refresh).status, 200);
    access = admin("GET", std::string{"accounts/zoom/"} + owner)["access_token"].asString();
    EXPECT_EQ(create_meeting().status, 201);
}

TEST_F(ZoomTest, OnlyTheUserItself)
{
    EXPECT_EQ(api("GET", std::string{"/v2/users/"} + owner + "/meetings").status, 200);
    const auto other = api("GET", "/v2/users/nobody/meetings");
    EXPECT_EQ(other.status, 404);
    EXPECT_EQ(other.json["code"], 1001);
}

TEST_F(ZoomTest, BadRequests)
{
    EXPECT_EQ(api("POST", "/v2/users/me/meetings", "[").json["code"], 300);
    const auto invalid = api("POST", "/v2/users/me/meetings", R"({"duration":"60"})");
    EXPECT_EQ(invalid.json["message"], "Validation Failed.");
    EXPECT_EQ(invalid.json["errors"][0]["field"], "duration");
    EXPECT_EQ(create_meeting(std::string(2001, 'a')).status, 400);
}

TEST_F(ZoomTest, AMeetingMadeByHandIsFound)
{
    admin(
        "POST", "meetings",
        std::string{R"({"provider":"zoom","account":")"} + owner +
            R"(","resource":{"topic":"Own","agenda":"ref:42-1","start_time":"2030-01-01T10:00:00Z"}})");
    EXPECT_EQ(list().json["meetings"][0]["topic"], "Own");
    EXPECT_EQ(admin("GET", "meetings?session=42")["meetings"][0]["by_human"], true);
}

}  // namespace
}  // namespace meetlink::standin
