// Every kind of fault, seen from a client (README.md, "Faults").

#include <atomic>
#include <boost/asio/write.hpp>
#include <chrono>
#include <fstream>
#include <iterator>
#include <thread>

#include "client.hpp"
#include "errors.hpp"
#include "json.hpp"

namespace meetlink::standin {
namespace {

using namespace std::chrono_literals;

class FaultTest : public StandinTest {
protected:
    FaultTest() { account("google"); }
    int live_meetings() { return admin("GET", "meetings?session=42")["live"].asInt(); }
    /// Waits, without a fixed time, until `ready` says so.
    template <typename Condition>
    static bool eventually(Condition ready)
    {
        for (const auto end = std::chrono::steady_clock::now() + 10s;
             std::chrono::steady_clock::now() < end;) {
            if (ready()) return true;
            std::this_thread::yield();
        }
        return false;
    }
};

TEST_F(FaultTest, EveryNamedErrorIsServedAsCatalogued)
{
    for (const auto errors : {google_errors(), zoom_errors()}) {
        for (const auto& error : errors) {
            fault(R"({"effect":")" + std::string{error.name} + R"("})");
            const auto reply = insert("tb00001");
            EXPECT_EQ(reply.status, error.status) << error.name;
            EXPECT_EQ(reply.body, error.body) << error.name;
            EXPECT_EQ(reply.json.isNull(), error.content_type == html_type) << error.name;
        }
    }
    EXPECT_EQ(live_meetings(), 0) << "an error does not act";
    EXPECT_EQ(insert("tb00001").status, 200) << "each fault struck once";
}

TEST_F(FaultTest, TheReadmeNamesEveryFault)
{
    std::ifstream file{STANDIN_README};
    ASSERT_TRUE(file) << STANDIN_README << ": run me in the root of the checkout";
    const std::string readme{std::istreambuf_iterator<char>{file}, {}};
    const auto names = admin("GET", "faults/names");
    for (const auto& effect : names["effects"]) {
        EXPECT_NE(readme.find('`' + effect.asString() + '`'), std::string::npos)
            << effect.asString();
    }
    for (const auto& error : names["errors"]) {
        auto name = error.asString();  // listed below its prefix: "google.token.", "zoom."
        const auto token = name.find(".token.");
        name.erase(0, token != std::string::npos ? token + 7 : name.find('.') + 1);
        EXPECT_NE(readme.find('`' + name + '`'), std::string::npos) << error.asString();
    }
}

TEST_F(FaultTest, CutBeforeAndAfterActing)
{
    fault(R"({"operation":"create","effect":"cut_before"})");
    EXPECT_EQ(insert("tb00001").status, 0);
    EXPECT_EQ(live_meetings(), 0);
    fault(R"({"operation":"create","effect":"cut_after","reset":true})");
    EXPECT_EQ(insert("tb00001").status, 0);
    EXPECT_EQ(live_meetings(), 1);
    EXPECT_EQ(insert("tb00001").status, 409);
}

TEST_F(FaultTest, ACutTokenAnswerLosesARotatedToken)
{
    account("zoom");
    fault(R"({"provider":"zoom","operation":"token","effect":"cut_after"})");
    EXPECT_EQ(zoom_refresh(refresh).status, 0);
    EXPECT_EQ(zoom_refresh(refresh).status, 400) << "the old one is dead, the new one never came";
}

TEST_F(FaultTest, AnErrorMayComeAfterTheDeed)
{
    fault(R"({"effect":"google.502_html","act":true})");
    EXPECT_EQ(insert("tb00001").status, 502);
    EXPECT_EQ(live_meetings(), 1);
}

TEST_F(FaultTest, ARequestIsHeldUntilReleased)
{
    for (const std::string effect : {"hold", "hold_after"}) {
        const auto rule = fault(R"({"operation":"create","effect":")" + effect + R"("})");
        const auto path = "faults/" + rule["id"].asString();
        std::atomic<int> status{-1};
        std::thread caller{
            [&] { status = insert(effect == "hold" ? "tb00001" : "tb00002").status; }};
        EXPECT_TRUE(eventually([&] { return admin("GET", path)["held"] == 1; }));
        EXPECT_EQ(status, -1);
        EXPECT_EQ(live_meetings(), effect == "hold" ? 0 : 2) << effect;
        admin("POST", path + "/release");
        caller.join();
        EXPECT_EQ(status, 200);
    }
}

TEST_F(FaultTest, AHangEndsWithTheRule)
{
    for (const std::string effect : {"hang", "hang_after"}) {
        const auto rule = fault(R"({"operation":"create","effect":")" + effect + R"("})");
        const auto path = "faults/" + rule["id"].asString();
        std::atomic<int> status{-1};
        std::thread caller{[&] { status = insert("tb00001").status; }};
        EXPECT_TRUE(eventually([&] { return admin("GET", path)["held"] == 1; }));
        EXPECT_EQ(live_meetings(), effect == "hang" ? 0 : 1);
        admin("DELETE", path);
        caller.join();
        EXPECT_EQ(status, 0);
    }
}

TEST_F(FaultTest, AHangEndsWhenTheClientGivesUp)
{
    fault(R"({"operation":"get","effect":"hang"})");
    {
        boost::asio::io_context io;
        boost::asio::ip::tcp::socket socket{io};
        socket.connect({boost::asio::ip::address_v4::loopback(), server_.http_port()});
        const std::string request = "GET " + std::string{events} + "/x HTTP/1.1\r\nHost: x\r\n\r\n";
        boost::asio::write(socket, boost::asio::buffer(request));
        EXPECT_TRUE(eventually(
            [&] { return admin("GET", "counters")["google"]["get"]["in_flight"] == 1; }));
    }
    EXPECT_TRUE(
        eventually([&] { return admin("GET", "counters")["google"]["get"]["in_flight"] == 0; }));
}

TEST_F(FaultTest, VerbatimAnswersAndRetryAfterInThreeNotations)
{
    fault(R"({"effect":"answer","status":418,"headers":{"X-A":"b"},"body":{"a":1}})");
    const auto verbatim = insert("tb00001");
    EXPECT_EQ(verbatim.status, 418);
    EXPECT_EQ(verbatim.headers.at("x-a"), "b");
    EXPECT_EQ(verbatim.body, R"({"a":1})");

    const auto retry_after = [&](const std::string& form) {
        fault(R"({"effect":"zoom.per_second","retry_after_s":7,"retry_after_form":")" + form +
              R"("})");
        return insert("tb00001").headers.at("retry-after");
    };
    EXPECT_EQ(retry_after("seconds"), "7");
    EXPECT_TRUE(retry_after("http_date").ends_with(" GMT"));
    EXPECT_TRUE(parse_time(retry_after("iso")));
    fault(R"({"effect":"redirect","location":"https://elsewhere.example/x"})");
    const auto redirect = insert("tb00001");
    EXPECT_EQ(redirect.status, 302);
    EXPECT_EQ(redirect.headers.at("location"), "https://elsewhere.example/x");
}

TEST_F(FaultTest, ZoomsDailyLimitsNameMidnight)
{
    for (const std::string name : {"zoom.daily", "zoom.user_daily"}) {
        fault(R"({"effect":")" + name + R"("})");
        const auto reply = insert("tb00001");
        EXPECT_EQ(reply.status, 429);
        EXPECT_TRUE(reply.headers.at("retry-after").ends_with("T00:00:00Z"));
        EXPECT_EQ(reply.headers.at("x-ratelimit-type"), "Daily-limit");
    }
}

TEST_F(FaultTest, UnreadableAnswers)
{
    const auto with = [&](const std::string& effect, const std::string& id) {
        fault(R"({"operation":"create","effect":")" + effect + R"("})");
        return insert(id);
    };
    EXPECT_TRUE(with("not_json", "tb00001").body.starts_with("<!DOCTYPE"));
    const auto empty = with("empty", "tb00002");
    EXPECT_EQ(empty.status, 200);
    EXPECT_EQ(empty.body, "");
    EXPECT_TRUE(with("cut_json", "tb00003").json.isNull());
    EXPECT_EQ(with("truncated", "tb00004").status, 0);
    const auto big = with("body_size", "tb00005");
    EXPECT_EQ(big.body.size(), 10'000'000U);
    EXPECT_TRUE(big.json.isObject());
    EXPECT_EQ(live_meetings(), 5) << "all of them acted";
}

TEST_F(FaultTest, BadLinks)
{
    const auto with = [&](const std::string& effect, const std::string& id) {
        fault(R"({"operation":"create","effect":")" + effect + R"("})");
        return insert(id).json;
    };
    const auto without = with("ok_without_link", "tb00001");
    EXPECT_FALSE(without.isMember("hangoutLink"));
    EXPECT_FALSE(without["conferenceData"]["entryPoints"][0].isMember("uri"));
    EXPECT_EQ(conference_status(without), "success");
    EXPECT_EQ(with("foreign_link", "tb00002")["hangoutLink"],
              "https://meet.google.com.evil.example/aaa-bbbb-ccc");
    EXPECT_TRUE(with("javascript_link", "tb00003")["conferenceData"]["entryPoints"][0]["uri"]
                    .asString()
                    .starts_with("javascript:"));
    EXPECT_TRUE(with("http_link", "tb00004")["hangoutLink"].asString().starts_with("http://"));
    account("zoom");
    fault(R"({"provider":"zoom","effect":"foreign_link"})");
    EXPECT_EQ(create_meeting().json["join_url"], "https://zoom.us.evil.example/j/1?pwd=x");
}

TEST_F(FaultTest, DelaysAndSlowDrips)
{
    const auto took = [&](const std::string& description, const std::string& id) {
        fault(description);
        const auto start = std::chrono::steady_clock::now();
        EXPECT_EQ(insert(id).status, 200);
        return std::chrono::steady_clock::now() - start;
    };
    EXPECT_GE(took(R"({"effect":"delay","delay_ms":30})", "tb00001"), 30ms);
    EXPECT_GE(took(R"({"effect":"delay","answer_delay_ms":30})", "tb00002"), 30ms);
    EXPECT_GE(took(R"({"effect":"slow_drip","bytes":200,"interval_ms":5})", "tb00003"), 20ms);
}

TEST_F(FaultTest, RulesMatchNarrowly)
{
    fault(R"({"provider":"zoom","effect":"zoom.500"})");
    fault(R"({"operation":"delete","effect":"google.backendError"})");
    fault(R"({"account":"other@example.org","effect":"google.backendError"})");
    fault(R"({"contains":"tb99999","effect":"google.backendError","times":2})");
    fault(R"({"operation":"get","skip":1,"effect":"google.notFound"})");
    EXPECT_EQ(insert("tb00001").status, 200);
    EXPECT_EQ(insert("tb99999").status, 500);
    EXPECT_EQ(get_event("tb99999").status, 500);
    EXPECT_EQ(insert("tb99999").status, 200);
    EXPECT_EQ(get_event("tb00001").status, 200);
    EXPECT_EQ(get_event("tb00001").status, 404);
    EXPECT_EQ(get_event("tb00001").status, 200);
}

TEST_F(FaultTest, ProbabilityFollowsItsSeed)
{
    const auto outcomes = [&] {
        admin("DELETE", "faults");
        fault(R"({"effect":"google.notFound","probability":0.5,"seed":7})");
        std::string pattern;
        for (int i = 0; i < 40; ++i) pattern += get_event("tb00001").status == 404 ? 'x' : '.';
        return pattern;
    };
    insert("tb00001");
    const auto first = outcomes();
    EXPECT_EQ(first, outcomes());
    EXPECT_NE(first.find('x'), std::string::npos);
    EXPECT_NE(first.find('.'), std::string::npos);
}

TEST_F(FaultTest, MisspeltFaultsAreRefused)
{
    for (const char* description :
         {R"({"effect":"no_such_effect"})", R"({"efect":"hang"})", "[]x",
          R"({"effect":"hang","provider":"webex"})", R"({"effect":"hang","operation":"dance"})",
          R"({"effect":"hang","times":0})", R"({"effect":"answer","status":99})",
          R"({"effect":"hang","delay_ms":-1})"}) {
        admin("POST", "faults", description, 400);
    }
    EXPECT_EQ(admin("GET", "faults").size(), 0U);
}

}  // namespace
}  // namespace meetlink::standin
