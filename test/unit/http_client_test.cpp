#include "http/client.hpp"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>

#include "http_loopback.hpp"

namespace meetlink::http {
namespace {

using namespace std::chrono_literals;
using test::LoopbackServer;
using test::Seen;
using test::tcp;
namespace asio = boost::asio;

class HttpClient : public ::testing::Test {
protected:
    Response send(Client& client, const std::string& method, const std::string& url,
                  std::chrono::milliseconds timeout = 10s)
    {
        Request request{method, url, {"Content-Type: text/plain"}, {}, timeout};
        if (method == "POST") {
            request.body = "body";
        }
        return test::run(io, client.send(std::move(request)));
    }

    /// Lets the loop turn until `reached`.
    bool wait_until(const std::function<bool()>& reached)
    {
        io.restart();
        const auto limit = std::chrono::steady_clock::now() + 20s;
        while (!reached() && std::chrono::steady_clock::now() < limit) {
            io.run_one_for(100ms);
        }
        return reached();
    }

    asio::io_context io;
};

asio::awaitable<bool> echo(tcp::socket& socket, const Seen& request, int)
{
    return LoopbackServer::answer(socket, request.body, "Date: now\r\nretry-after:  7 \r\n");
}

TEST_F(HttpClient, AnswersWithStatusBodyAndTheHeadersThatMatter)
{
    LoopbackServer server(io, echo);
    Client client(io.get_executor());
    const Response response = send(client, "POST", server.url("/path"));
    EXPECT_EQ(response.fault, Fault::none) << response.fault_detail;
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "body");
    EXPECT_EQ(response.retry_after, "7");
    EXPECT_EQ(response.date, "now");
    EXPECT_EQ(response.host, "127.0.0.1");
    EXPECT_GT(response.timings.total.count(), 0);
    EXPECT_GT(response.timings.connect.count(), 0);
    ASSERT_EQ(server.seen().size(), 1U);
    EXPECT_TRUE(server.seen()[0].head.starts_with("POST /path HTTP/1.1\r\n"));
}

TEST_F(HttpClient, ReusesConnectionsAndHandlesWithoutCarryingOptionsOver)
{
    LoopbackServer server(io, echo);
    Client client(io.get_executor());
    for (const char* method : {"POST", "GET", "PATCH", "DELETE", "GET", "POST"}) {
        const Response response = send(client, method, server.url());
        EXPECT_EQ(response.status, 200) << method;
        EXPECT_EQ(response.body, method == std::string("POST") ? "body" : "");
    }
    EXPECT_EQ(server.connections(), 1);
    EXPECT_TRUE(server.seen()[1].head.starts_with("GET / "));
    EXPECT_TRUE(server.seen()[2].head.starts_with("PATCH / "));
    EXPECT_TRUE(server.seen()[3].head.starts_with("DELETE / "));
    EXPECT_TRUE(server.seen()[4].head.starts_with("GET / "));
}

TEST_F(HttpClient, ConnectionRefusedIsNotSent)
{
    tcp::acceptor gone(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const std::string url = "http://127.0.0.1:" + std::to_string(gone.local_endpoint().port());
    gone.close();
    Client client(io.get_executor());
    const Response response = send(client, "POST", url);
    EXPECT_EQ(response.fault, Fault::not_sent);
    EXPECT_EQ(response.status, 0);
    EXPECT_NE(response.fault_detail, "");
}

TEST_F(HttpClient, UnknownNameIsNotSent)
{
    ClientOptions options;
    options.connect_timeout =
        100ms;  // a resolver that does not answer must not stop the loop either
    Client client(io.get_executor(), options);
    const Response response = send(client, "POST", "https://meetlink-test.invalid/");
    EXPECT_EQ(response.fault, Fault::not_sent) << response.fault_detail;
}

TEST_F(HttpClient, TlsHandshakeThatIsNeverAnsweredIsNotSent)
{
    LoopbackServer server(io, echo);
    ClientOptions options;
    options.connect_timeout = 100ms;
    Client client(io.get_executor(), options);
    const Response response =
        send(client, "POST", "https" + server.url().substr(std::string("http").size()));
    EXPECT_EQ(response.fault, Fault::not_sent) << response.fault_detail;
    EXPECT_TRUE(server.seen().empty());
}

TEST_F(HttpClient, ConnectionCutAfterTheServerActedIsBroken)
{
    LoopbackServer server(
        io, [](tcp::socket&, const Seen&, int) -> asio::awaitable<bool> { co_return false; });
    Client client(io.get_executor());
    EXPECT_EQ(send(client, "POST", server.url()).fault, Fault::broken);
    EXPECT_EQ(server.seen().size(), 1U);
}

TEST_F(HttpClient, AnswerCutInTheMiddleIsBroken)
{
    LoopbackServer server(io, [](tcp::socket& socket, const Seen&, int) -> asio::awaitable<bool> {
        co_await LoopbackServer::raw(socket,
                                     "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\"");
        co_return false;
    });
    Client client(io.get_executor());
    const Response response = send(client, "POST", server.url());
    EXPECT_EQ(response.fault, Fault::broken);
    EXPECT_EQ(response.status, 0);
    EXPECT_EQ(response.body, "");
}

TEST_F(HttpClient, HangingServerIsTimedOut)
{
    LoopbackServer server(io, [](tcp::socket& socket, const Seen&, int) -> asio::awaitable<bool> {
        boost::system::error_code error;
        char byte = 0;
        co_await socket.async_read_some(asio::buffer(&byte, 1),
                                        asio::redirect_error(asio::use_awaitable, error));
        co_return false;
    });
    Client client(io.get_executor());
    const Response response = send(client, "POST", server.url("/secret-path"), 50ms);
    EXPECT_EQ(response.fault, Fault::timed_out);
    EXPECT_EQ(response.fault_detail.find("secret-path"), std::string::npos);
    EXPECT_TRUE(wait_until([&] { return server.open_connections() == 0; }));
}

TEST_F(HttpClient, SlowAnswerInManyPiecesIsComplete)
{
    LoopbackServer server(io, [](tcp::socket& socket, const Seen&, int) -> asio::awaitable<bool> {
        const std::string text =
            "HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz";
        for (const char c : text) {
            co_await LoopbackServer::raw(socket, std::string(1, c));
            co_await asio::post(socket.get_executor(), asio::use_awaitable);
        }
        co_return true;
    });
    Client client(io.get_executor());
    EXPECT_EQ(send(client, "GET", server.url()).body, "abcdefghijklmnopqrstuvwxyz");
}

TEST_F(HttpClient, TenMegabytesAreCutOffWhetherAnnouncedOrNot)
{
    LoopbackServer server(
        io, [](tcp::socket& socket, const Seen& seen, int) -> asio::awaitable<bool> {
            const bool announced = seen.head.starts_with("POST /announced");
            const std::string data(64 * 1024, 'x');
            const std::string length =
                announced ? "Content-Length: 10485760" : "Transfer-Encoding: chunked";
            const std::string block = announced ? data : "10000\r\n" + data + "\r\n";
            bool open =
                co_await LoopbackServer::raw(socket, "HTTP/1.1 200 OK\r\n" + length + "\r\n\r\n");
            for (int i = 0; i < 160 && open; ++i) {
                open = co_await LoopbackServer::raw(socket, block);
            }
            co_return false;
        });
    Client client(io.get_executor());
    for (const char* path : {"/announced", "/chunked"}) {
        const Response response = send(client, "POST", server.url(path));
        EXPECT_EQ(response.fault, Fault::too_large) << path;
        EXPECT_EQ(response.fault_detail, "the answer is longer than 1048576 bytes") << path;
        EXPECT_TRUE(response.body.empty());
    }
}

TEST_F(HttpClient, EndlessHeadersAreCutOff)
{
    LoopbackServer server(io, [](tcp::socket& socket, const Seen&, int) -> asio::awaitable<bool> {
        bool open = co_await LoopbackServer::raw(socket, "HTTP/1.1 200 OK\r\n");
        while (open) {
            open = co_await LoopbackServer::raw(socket, "X: " + std::string(4096, 'x') + "\r\n");
        }
        co_return false;
    });
    Client client(io.get_executor());
    EXPECT_EQ(send(client, "GET", server.url()).fault, Fault::too_large);
}

TEST_F(HttpClient, KeptAliveConnectionThatTheServerClosedIsReplacedBeforeSending)
{
    LoopbackServer server(io, [](tcp::socket& socket, const Seen&, int) -> asio::awaitable<bool> {
        co_await LoopbackServer::answer(socket, "");
        co_return false;
    });
    Client client(io.get_executor());
    EXPECT_EQ(send(client, "POST", server.url()).status, 200);
    ASSERT_TRUE(wait_until([&] { return server.open_connections() == 0; }));
    EXPECT_EQ(send(client, "POST", server.url()).status, 200);
    EXPECT_EQ(server.seen().size(), 2U);
    EXPECT_EQ(server.connections(), 2);
}

asio::awaitable<bool> die_on_second(tcp::socket& socket, const Seen&, int nth)
{
    if (nth == 2) {
        co_return false;
    }
    co_return co_await LoopbackServer::answer(socket, "fine");
}

TEST_F(HttpClient, PostOnAKeptAliveConnectionThatDiesIsNeverSentTwice)
{
    LoopbackServer server(io, die_on_second);
    Client client(io.get_executor());
    ASSERT_EQ(send(client, "POST", server.url()).status, 200);
    const Response response = send(client, "POST", server.url());
    EXPECT_EQ(response.fault, Fault::broken);
    EXPECT_EQ(response.fault_detail, "the reused connection closed without an answer");
    EXPECT_EQ(server.seen().size(), 2U) << "libcurl repeated a POST that the server had received";
    EXPECT_EQ(send(client, "POST", server.url()).status, 200) << "the client goes on afterwards";
}

TEST_F(HttpClient, PatchOnAKeptAliveConnectionThatDiesIsNeverSentTwice)
{
    LoopbackServer server(io, die_on_second);
    Client client(io.get_executor());
    ASSERT_EQ(send(client, "GET", server.url()).status, 200);
    EXPECT_EQ(send(client, "PATCH", server.url()).fault, Fault::broken);
    EXPECT_EQ(server.seen().size(), 2U);
}

TEST_F(HttpClient, GetOnAKeptAliveConnectionThatDiesIsRepeated)
{
    LoopbackServer server(io, die_on_second);
    Client client(io.get_executor());
    ASSERT_EQ(send(client, "GET", server.url()).status, 200);
    EXPECT_EQ(send(client, "GET", server.url()).body, "fine");
    EXPECT_EQ(server.seen().size(), 3U);
}

TEST_F(HttpClient, ConnectionsPerHostAreCapped)
{
    LoopbackServer server(io, echo);
    ClientOptions options;
    options.connections_per_host = 2;
    Client client(io.get_executor(), options);
    int answered = 0;
    for (int i = 0; i < 40; ++i) {
        asio::co_spawn(io, client.send({"POST", server.url(), {}, "x", 10s}),
                       [&](std::exception_ptr error, const Response& response) {
                           answered += !error && response.status == 200;
                       });
    }
    EXPECT_TRUE(wait_until([&] { return answered == 40; })) << answered;
    EXPECT_LE(server.most_connections(), 2);
}

/// Over plain HTTP it stays HTTP/1.1, which shows what becomes of connections all the same.
TEST_F(HttpClient, RequestWithoutAnAnswerEndsTheUseOfSharedConnectionsButNotTheRequestsOnThem)
{
    asio::steady_timer held(io, std::chrono::hours(1));
    LoopbackServer server(
        io, [&](tcp::socket& socket, const Seen& seen, int) -> asio::awaitable<bool> {
            if (seen.head.starts_with("POST /held")) {
                boost::system::error_code woken;
                co_await held.async_wait(asio::redirect_error(asio::use_awaitable, woken));
            } else if (seen.head.starts_with("POST /lost")) {
                boost::system::error_code error;
                char byte = 0;
                co_await socket.async_read_some(asio::buffer(&byte, 1),
                                                asio::redirect_error(asio::use_awaitable, error));
                co_return false;
            }
            co_return co_await LoopbackServer::answer(socket, "fine");
        });
    ClientOptions options;
    options.version = Version::http_2;
    Client client(io.get_executor(), options);
    std::optional<Response> patient;
    asio::co_spawn(io, client.send({"POST", server.url("/held"), {}, "x", 1h}),
                   [&](std::exception_ptr, Response response) { patient = std::move(response); });
    ASSERT_TRUE(wait_until([&] { return server.seen().size() == 1; }));
    EXPECT_EQ(send(client, "POST", server.url()).body, "fine");
    EXPECT_EQ(server.open_connections(), 2) << "one is idle";
    EXPECT_EQ(send(client, "POST", server.url("/lost"), 50ms).fault, Fault::timed_out);
    EXPECT_EQ(send(client, "POST", server.url()).body, "fine");
    EXPECT_EQ(server.seen().back().connection, server.connections()) << "on a new one";
    EXPECT_FALSE(patient);
    held.cancel();
    ASSERT_TRUE(wait_until([&] { return patient.has_value(); }));
    EXPECT_EQ(patient->body, "fine") << patient->fault_detail;
    EXPECT_TRUE(wait_until([&] { return server.open_connections() == 1; }))
        << "those before are closed";
}

// libcurl repeats a request five times in a handle's life (Curl_retry_request)
TEST_F(HttpClient, ConnectionsThatDieWhileTheyAreIdleAreNoEndOfRepetitions)
{
    LoopbackServer server(
        io,
        [last = 0](tcp::socket& socket, const Seen& seen, int) mutable -> asio::awaitable<bool> {
            const bool first_of_connection = seen.connection > last;
            last = seen.connection;
            if (!first_of_connection) {
                co_return false;
            }
            co_return co_await LoopbackServer::answer(socket, "fine");
        });
    Client client(io.get_executor());
    for (int number = 1; number <= 10; ++number) {
        const auto response = send(client, "GET", server.url());
        EXPECT_EQ(response.body, "fine") << number << ": " << response.fault_detail;
    }
    EXPECT_EQ(server.connections(), 10);
}

TEST_F(HttpClient, CancellingTheCoroutineAbortsTheTransfer)
{
    bool received = false;
    LoopbackServer server(io, [&](tcp::socket& socket, const Seen&, int) -> asio::awaitable<bool> {
        received = true;
        boost::system::error_code error;
        char byte = 0;
        co_await socket.async_read_some(asio::buffer(&byte, 1),
                                        asio::redirect_error(asio::use_awaitable, error));
        co_return false;
    });
    Client client(io.get_executor());
    asio::cancellation_signal signal;
    std::optional<boost::system::error_code> thrown;
    asio::co_spawn(
        io, client.send({"POST", server.url(), {}, "x", 1h}),
        asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error, const Response&) {
            try {
                std::rethrow_exception(error);
            } catch (const boost::system::system_error& e) {
                thrown = e.code();
            }
        }));
    ASSERT_TRUE(wait_until([&] { return received; }));
    signal.emit(asio::cancellation_type::terminal);
    ASSERT_TRUE(wait_until([&] { return thrown && server.open_connections() == 0; }));
    EXPECT_EQ(*thrown, asio::error::operation_aborted);
}

TEST_F(HttpClient, CloseEndsWhatIsUnderWayAndRefusesTheRest)
{
    bool received = false;
    LoopbackServer server(io, [&](tcp::socket& socket, const Seen&, int) -> asio::awaitable<bool> {
        received = true;
        boost::system::error_code error;
        char byte = 0;
        co_await socket.async_read_some(asio::buffer(&byte, 1),
                                        asio::redirect_error(asio::use_awaitable, error));
        co_return false;
    });
    auto client = std::make_unique<Client>(io.get_executor());
    std::optional<Response> answer;
    asio::co_spawn(io, client->send({"POST", server.url(), {}, "x", 1h}),
                   [&](std::exception_ptr, Response response) { answer = std::move(response); });
    ASSERT_TRUE(wait_until([&] { return received; }));
    client->close();
    ASSERT_TRUE(wait_until([&] { return answer.has_value(); }));
    EXPECT_EQ(answer->fault, Fault::broken) << "it had been sent";
    EXPECT_EQ(send(*client, "POST", server.url()).fault, Fault::not_sent);
    client.reset();
    EXPECT_TRUE(wait_until([&] { return server.open_connections() == 0; }));
}

TEST_F(HttpClient, LoopThatStopsWithRequestsUnderWayLeavesNothingBehind)
{
    auto loop = std::make_unique<asio::io_context>();
    LoopbackServer server(
        *loop, [](tcp::socket& socket, const Seen&, int) -> asio::awaitable<bool> {
            boost::system::error_code error;
            char byte = 0;
            co_await socket.async_read_some(asio::buffer(&byte, 1),
                                            asio::redirect_error(asio::use_awaitable, error));
            co_return false;
        });
    auto client = std::make_unique<Client>(loop->get_executor());
    asio::co_spawn(*loop, client->send({"POST", server.url(), {}, "x", 1h}), asio::detached);
    while (server.seen().empty()) {
        loop->run_one_for(1s);
    }
    client.reset();  // what is wrong here shows under AddressSanitizer
}

TEST_F(HttpClient, RedirectsAreNotFollowed)
{
    LoopbackServer server(io, [](tcp::socket& socket, const Seen&, int) {
        return LoopbackServer::raw(
            socket, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
    });
    Client client(io.get_executor());
    EXPECT_EQ(send(client, "POST", server.url()).status, 302);
    EXPECT_EQ(server.seen().size(), 1U);
}

TEST_F(HttpClient, RefusesPlainHttpToTheWorldOtherSchemesAndInjectedHeaders)
{
    Client client(io.get_executor());
    for (const char* url : {"http://api.zoom.us/v2", "file:///etc/passwd", "ftp://127.0.0.1/", "",
                            "http://localhost.example.org/", "http://user:pw@127.0.0.1/"}) {
        EXPECT_EQ(send(client, "GET", url).fault, Fault::not_sent) << url;
    }
    const Response response = test::run(
        io,
        client.send({"GET", "https://127.0.0.1/", {"Authorization: Bearer a\r\nX: y"}, {}, 1s}));
    EXPECT_EQ(response.fault_detail, "the request has a control character in its header");
}

}  // namespace
}  // namespace meetlink::http
