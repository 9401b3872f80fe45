// The server itself, its certificate, its log and the admin interface.

#include "client.hpp"
#include "clock.hpp"
#include "json.hpp"
#include "text.hpp"

namespace meetlink::standin {
namespace {

class ServerTest : public StandinTest {};

TEST_F(ServerTest, BothPortsServeTheSameAndTlsIsVerifiable)
{
    account("google");
    TestClient tls{server_.https_port(), server_.certificate().authority_pem()};
    EXPECT_EQ(insert("tb00001").status, 200);
    const auto reply = tls.send("GET", std::string{events} + "/tb00001", "",
                                {{"Authorization", "Bearer " + access}});
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(admin("GET", "requests?operation=get")["requests"][0]["tls"], true);
    EXPECT_EQ(tls.send("GET", "/admin/health").status, 200);
}

TEST_F(ServerTest, AStrangersAuthorityIsNotTrusted)
{
    TestClient tls{server_.https_port(), Certificate{}.authority_pem()};
    EXPECT_THROW(tls.send("GET", "/admin/health"), boost::system::system_error);
}

TEST_F(ServerTest, TheLogTellsTokensApartWithoutShowingThem)
{
    account("zoom");
    const auto first = zoom_refresh(refresh).json;
    zoom_refresh(first["refresh_token"].asString());
    access = first["access_token"].asString();
    create_meeting();
    const auto log = admin("GET", "requests");
    EXPECT_EQ(to_text(log).find("standin-secret"), std::string::npos);
    EXPECT_EQ(to_text(log).find("s3cret"), std::string::npos);
    const auto& requests = log["requests"];
    ASSERT_EQ(requests.size(), 3U);
    EXPECT_EQ(requests[0]["refresh_token_hash"], fingerprint(refresh));
    EXPECT_EQ(requests[0]["issued_refresh_token_hash"], requests[1]["refresh_token_hash"]);
    EXPECT_EQ(requests[0]["issued_access_token_hash"], requests[2]["access_token_hash"]);
    EXPECT_EQ(requests[2]["account"], owner);
    EXPECT_EQ(requests[2]["connection"], requests[0]["connection"]) << "keep-alive";
    EXPECT_NE(requests[2]["body"].asString().find("ref:42-1"), std::string::npos);
    EXPECT_EQ(admin("GET", "requests?operation=create&contains=42-1")["count"], 1);
    EXPECT_EQ(admin("GET", "requests?status=201")["count"], 1);
    EXPECT_EQ(admin("GET", "requests?after=2")["count"], 1);
}

TEST_F(ServerTest, TheLogIsBoundedAndCanBeTurnedOff)
{
    account("google");
    admin("PATCH", "settings", R"({"record_capacity":2})");
    for (int i = 0; i < 3; ++i) get_event("x");
    EXPECT_EQ(admin("GET", "requests")["count"], 2);
    admin("PATCH", "settings", R"({"record_capacity":0})");
    get_event("x");
    EXPECT_EQ(admin("GET", "requests")["count"], 0);
    EXPECT_EQ(admin("GET", "counters")["google"]["get"]["statuses"]["404"], 4);
}

TEST_F(ServerTest, ResetForgetsEverything)
{
    account("google");
    insert("tb00001");
    fault(R"({"effect":"google.notFound"})");
    admin("POST", "reset");
    EXPECT_EQ(admin("GET", "accounts").size(), 0U);
    EXPECT_EQ(admin("GET", "faults").size(), 0U);
    EXPECT_EQ(admin("GET", "meetings")["count"], 0);
    EXPECT_EQ(insert("tb00001").status, 401);
    account("google");
    EXPECT_EQ(insert("tb00001").status, 200);
}

TEST_F(ServerTest, AdminMistakesAreExplained)
{
    admin("POST", "accounts", R"({"provider":"webex","account":"a"})", 400);
    admin("POST", "accounts", R"({"provider":"zoom"})", 400);
    admin("POST", "accounts", "{", 400);
    admin("GET", "accounts/zoom/nobody", "", 404);
    admin("GET", "nonsense", "", 404);
    account("zoom");
    admin("POST", "accounts", R"({"provider":"zoom","account":"tutor@example.org"})", 400);
    admin("POST", std::string{"accounts/zoom/"} + owner + "/dance", "", 404);
    admin("PATCH", "settings", R"({"colour":1})", 400);
    admin("GET", "faults/99", "", 404);
}

TEST_F(ServerTest, ManyAccountsInOneRequestWithChosenTokens)
{
    const auto made = admin("POST", "accounts", R"([
        {"provider":"google","account":"a@x","access_token":"at-a","refresh_token":"rt-a"},
        {"provider":"zoom","account":"b@x","expires_in":60}])");
    EXPECT_EQ(made.size(), 2U);
    access = "at-a";
    EXPECT_EQ(api("GET", events).status, 200);
    EXPECT_EQ(made[1]["expires_in"], 60);
}

TEST_F(ServerTest, HundredsOfConnectionsAtOnce)
{
    constexpr std::size_t many = 400;  // both ends are in this process: 1024 descriptors suffice
    std::vector<std::unique_ptr<TestClient>> clients;
    for (std::size_t i = 0; i < many; ++i) {
        clients.push_back(std::make_unique<TestClient>(server_.http_port()));
        ASSERT_EQ(clients.back()->send("GET", "/admin/health").status, 200);
    }
    for (auto& client : clients) EXPECT_EQ(client->send("GET", "/admin/health").status, 200);
    EXPECT_GE(admin("GET", "counters")["connections"].asUInt64(), many);
}

TEST(Text, DecodesWhatClientsEncode)
{
    const Parameters query{"a=1&b=x%3D42&c+d=e+f&a=2&flag"};
    EXPECT_EQ(query.get("b"), "x=42");
    EXPECT_EQ(query.get("c d"), "e f");
    EXPECT_EQ(query.all("a").size(), 2U);
    EXPECT_TRUE(query.find("flag"));
    EXPECT_FALSE(query.find("none"));
    EXPECT_EQ(path_segments("/a/b%40c//d"), (std::vector<std::string>{"a", "b@c", "d"}));
    EXPECT_EQ(base64_decode("YXBwOnMzY3JldA=="), "app:s3cret");
    EXPECT_FALSE(base64_decode("###="));
    EXPECT_TRUE(contains_word("ref:tb-42-1", "42"));
    EXPECT_FALSE(contains_word("ref:tb-421", "42"));
}

TEST(Time, ReadsAndWritesRfc3339)
{
    const auto time = parse_time("2026-12-01T10:00:00+01:00");
    ASSERT_TRUE(time);
    EXPECT_EQ(iso_time(*time), "2026-12-01T09:00:00Z");
    EXPECT_EQ(iso_time_ms(*time + std::chrono::milliseconds{7}), "2026-12-01T09:00:00.007Z");
    EXPECT_EQ(http_date(*time), "Tue, 01 Dec 2026 09:00:00 GMT");
    EXPECT_EQ(iso_time(next_utc_midnight(*time)), "2026-12-02T00:00:00Z");
    EXPECT_EQ(parse_time("2026-12-01T09:00:00.250Z"), time);
    EXPECT_EQ(parse_time("2026-12-01T09:00:00"), time);
    for (const char* bad : {"", "2026-13-01T00:00:00Z", "2026-12-01", "2026-12-01T25:00:00Z",
                            "2026-12-01T10:00:00+1", "2026-12-01T10:00:00Zx"}) {
        EXPECT_FALSE(parse_time(bad)) << bad;
    }
}

}  // namespace
}  // namespace meetlink::standin
