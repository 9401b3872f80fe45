// The same routes and faults over HTTP/2, with libcurl as the client.

#include <curl/curl.h>

#include <deque>
#include <vector>

#include "client.hpp"
#include "json.hpp"

namespace meetlink::standin {
namespace {

struct Exchange {
    std::string method = "GET";
    std::string target;
    std::string body;
    std::vector<std::string> headers;
    long timeout_ms = 10'000;

    CURLcode result = CURL_LAST;
    long version = 0;
    Reply reply;
};

/// Sends all at the same time, as far as possible over one connection that stays open for the next ones.
class Http2Client {
public:
    Http2Client(std::uint16_t port, std::string authority_pem)
        : origin_("https://127.0.0.1:" + std::to_string(port)), authority_(std::move(authority_pem))
    {
        curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    }
    ~Http2Client() { curl_multi_cleanup(multi_); }
    Http2Client(const Http2Client&) = delete;
    Http2Client& operator=(const Http2Client&) = delete;

    void send(std::deque<Exchange>& exchanges)
    {
        for (Exchange& exchange : exchanges) start(exchange);
        int running = 1;
        while (running > 0) {
            curl_multi_perform(multi_, &running);
            int queued = 0;
            while (const CURLMsg* message = curl_multi_info_read(multi_, &queued)) {
                finish(message->easy_handle, message->data.result);
            }
            if (running > 0) curl_multi_poll(multi_, nullptr, 0, 1000, nullptr);
        }
    }

    Exchange send(Exchange exchange)
    {
        std::deque<Exchange> one{std::move(exchange)};
        send(one);
        return std::move(one.front());
    }

private:
    static std::size_t on_body(char* data, std::size_t, std::size_t size, void* exchange)
    {
        static_cast<Exchange*>(exchange)->reply.body.append(data, size);
        return size;
    }

    void start(Exchange& exchange)
    {
        CURL* const easy = curl_easy_init();
        curl_blob authority{authority_.data(), authority_.size(), CURL_BLOB_COPY};
        curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/json");
        for (const auto& header : exchange.headers) {
            headers = curl_slist_append(headers, header.c_str());
        }
        curl_easy_setopt(easy, CURLOPT_URL, (origin_ + exchange.target).c_str());
        curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &authority);
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_2TLS});
        curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, exchange.timeout_ms);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
        curl_easy_setopt(easy, CURLOPT_PRIVATE, &exchange);
        if (exchange.method != "GET") {
            curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(exchange.body.size()));
            curl_easy_setopt(easy, CURLOPT_POSTFIELDS, exchange.body.c_str());
            curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, exchange.method.c_str());
        }
        headers_[easy] = headers;
        curl_multi_add_handle(multi_, easy);
    }

    void finish(CURL* easy, CURLcode result)
    {
        char* owner = nullptr;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &owner);
        auto& exchange = *reinterpret_cast<Exchange*>(owner);
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &exchange.version);
        exchange.result = result;
        exchange.reply.status = static_cast<int>(status);
        exchange.reply.json = parse_json(exchange.reply.body).value_or(Json::Value{});
        curl_multi_remove_handle(multi_, easy);
        curl_easy_cleanup(easy);
        curl_slist_free_all(headers_.extract(easy).mapped());
    }

    CURLM* multi_ = curl_multi_init();
    std::string origin_;
    std::string authority_;
    std::map<CURL*, curl_slist*> headers_;
};

class Http2Test : public StandinTest {
protected:
    void SetUp() override { account("zoom"); }

    Exchange create(long timeout_ms = 10'000)
    {
        return {
            .method = "POST",
            .target = "/v2/users/me/meetings",
            .body =
                R"({"topic":"Maths","type":2,"start_time":"2030-01-01T10:00:00Z","duration":60})",
            .headers = {"Authorization: Bearer " + access},
            .timeout_ms = timeout_ms};
    }

    std::deque<Exchange> creates(std::size_t count)
    {
        std::deque<Exchange> all;
        while (all.size() < count) all.push_back(create());
        client.send(all);
        return all;
    }

    static std::size_t made(const std::deque<Exchange>& all)
    {
        return static_cast<std::size_t>(std::count_if(
            all.begin(), all.end(), [](const Exchange& e) { return e.reply.status == 201; }));
    }

    /// What the log says of the creates: a field's values, each once.
    std::map<std::string, int> logged(const char* key)
    {
        std::map<std::string, int> values;
        const auto log = admin("GET", "requests?operation=create");
        for (const auto& request : log["requests"]) {
            ++values[request[key].asString()];
        }
        return values;
    }

    Http2Client client{server_.https_port(), server_.certificate().authority_pem()};
};

TEST_F(Http2Test, ManyRequestsShareOneConnection)
{
    const auto held =
        fault(R"({"operation":"create","effect":"delay","answer_delay_ms":50,"times":"forever"})");
    EXPECT_EQ(made(creates(90)), 90U);
    EXPECT_EQ(logged("connection").size(), 1U);
    EXPECT_EQ(logged("http"), (std::map<std::string, int>{{"2", 90}}));
    EXPECT_GT(admin("GET", "counters")["zoom"]["create"]["max_in_flight"].asInt(), 80);
}

TEST_F(Http2Test, WithoutHttp2TheSamePortSpeaksHttp1)
{
    boost::asio::io_context io{1};
    Server old{io, 0, 0, false};
    std::thread thread{[&] { io.run(); }};
    Http2Client other{old.https_port(), old.certificate().authority_pem()};
    const auto health = other.send({.target = "/admin/health"});
    EXPECT_EQ(health.reply.status, 200);
    EXPECT_EQ(health.version, CURL_HTTP_VERSION_1_1);
    EXPECT_EQ(client.send({.target = "/admin/health"}).version, CURL_HTTP_VERSION_2_0);
    io.stop();
    thread.join();
}

TEST_F(Http2Test, LongBodiesPassInBothDirections)
{
    auto exchange = create();
    exchange.body.insert(1, R"("agenda":")" + std::string(1'000'000, 'x') + R"(",)");
    EXPECT_EQ(client.send(exchange).reply.status, 400) << "Zoom refuses so long an agenda";
    fault(R"({"operation":"create","effect":"body_size","bytes":3000000})");
    const auto big = client.send(create());
    EXPECT_EQ(big.result, CURLE_OK);
    EXPECT_EQ(big.reply.body.size(), 3'000'000U);
}

TEST_F(Http2Test, AnswerWithoutABodyEndsTheStream)
{
    const auto id = client.send(create()).reply.json["id"].asString();
    const auto gone = client.send({.method = "DELETE",
                                   .target = "/v2/meetings/" + id,
                                   .headers = {"Authorization: Bearer " + access}});
    EXPECT_EQ(gone.result, CURLE_OK);
    EXPECT_EQ(gone.reply.status, 204);
}

TEST_F(Http2Test, AbortedStreamLeavesTheOthersAlone)
{
    fault(R"({"operation":"create","effect":"abort_after","skip":3,"times":1})");
    const auto all = creates(10);
    EXPECT_EQ(made(all), 9U);
    EXPECT_EQ(all[3].result, CURLE_HTTP2_STREAM);
    EXPECT_EQ(admin("GET", "meetings")["live"].asInt(), 10) << "it acted";
    EXPECT_EQ(logged("connection").size(), 1U);
    EXPECT_EQ(logged("outcome"), (std::map<std::string, int>{{"answered", 9}, {"aborted", 1}}));
}

TEST_F(Http2Test, RefusedRequestIsRepeatedByTheClientAndActedOnOnce)
{
    fault(R"({"operation":"create","effect":"refuse"})");
    EXPECT_EQ(made(creates(1)), 1U);
    EXPECT_EQ(admin("GET", "meetings")["live"].asInt(), 1);
    EXPECT_EQ(logged("outcome"), (std::map<std::string, int>{{"refused", 1}, {"answered", 1}}));
}

TEST_F(Http2Test, HalfAnAnswerIsNoAnswer)
{
    fault(R"({"operation":"create","effect":"truncated"})");
    const auto half = client.send(create());
    EXPECT_NE(half.result, CURLE_OK);
    EXPECT_GT(half.reply.body.size(), 100U);
}

TEST_F(Http2Test, SlowAnswerIsComplete)
{
    fault(R"({"operation":"create","effect":"slow_drip","bytes":100,"interval_ms":1})");
    const auto slow = client.send(create());
    EXPECT_EQ(slow.result, CURLE_OK);
    EXPECT_TRUE(slow.reply.json.isMember("join_url")) << slow.reply.body;
}

TEST_F(Http2Test, CutTakesEveryRequestOfTheConnectionAlong)
{
    fault(R"({"operation":"create","effect":"hold_after","times":9})");
    fault(R"({"operation":"create","effect":"cut_after","reset":true})");
    EXPECT_LE(made(creates(10)), 1U) << "libcurl repeats one of them";
    EXPECT_GE(admin("GET", "meetings")["live"].asInt(), 10) << "all were acted on";
    EXPECT_EQ(logged("outcome")["cut"], 1);
}

TEST_F(Http2Test, AfterGoawayTheRequestsUnderWayAreAnsweredAndTheNextTakeAnotherConnection)
{
    fault(R"({"operation":"create","effect":"delay","answer_delay_ms":50,"times":4})");
    fault(R"({"operation":"create","effect":"goaway"})");
    EXPECT_EQ(made(creates(5)), 5U);
    EXPECT_EQ(logged("connection").size(), 1U);
    EXPECT_EQ(made(creates(1)), 1U);
    EXPECT_EQ(logged("connection").size(), 2U);
}

TEST_F(Http2Test, RequestThatTheClientGivesUpEndsAlone)
{
    fault(R"({"operation":"create","effect":"hang"})");
    std::deque<Exchange> both{create(100), create()};
    client.send(both);
    EXPECT_EQ(both[0].result, CURLE_OPERATION_TIMEDOUT);
    EXPECT_EQ(both[1].reply.status, 201);
    EXPECT_EQ(client.send(create()).reply.status, 201);
    EXPECT_EQ(logged("connection").size(), 1U);
    EXPECT_EQ(logged("outcome"), (std::map<std::string, int>{{"hung", 1}, {"answered", 2}}));
}

TEST_F(Http2Test, ClientThatLeavesWhileItsRequestsAreHeldLeavesNothingBehind)
{
    fault(R"({"operation":"create","effect":"hold_after","times":"forever"})");
    {
        Http2Client hasty{server_.https_port(), server_.certificate().authority_pem()};
        std::deque<Exchange> held{create(100), create(100)};
        hasty.send(held);
    }
    admin("DELETE", "faults");
    EXPECT_EQ(client.send(create()).reply.status,
              201);  // what is wrong here shows under AddressSanitizer
}

}  // namespace
}  // namespace meetlink::standin
