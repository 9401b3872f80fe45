#include "client.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "json.hpp"

namespace meetlink::standin {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

/// Shared, because each costs three descriptors; blocking calls never run it.
asio::io_context& sockets_context()
{
    static asio::io_context io;
    return io;
}

}  // namespace

struct TestClient::Impl {
    std::uint16_t port;
    std::optional<asio::ssl::context> tls;
    std::optional<tcp::socket> plain_stream;
    std::optional<asio::ssl::stream<tcp::socket>> tls_stream;
    boost::beast::flat_buffer buffer;

    void connect()
    {
        tcp::socket socket{sockets_context()};
        socket.connect({asio::ip::address_v4::loopback(), port});
        socket.set_option(tcp::no_delay{true});
        buffer.clear();
        if (!tls) {
            plain_stream.emplace(std::move(socket));
            return;
        }
        tls_stream.emplace(std::move(socket), *tls);
        tls_stream->handshake(asio::ssl::stream_base::client);
    }

    template <typename Stream>
    bool exchange(Stream& stream, const http::request<http::string_body>& request,
                  http::response<http::string_body>& response)
    {
        boost::system::error_code error;
        http::write(stream, request, error);
        if (error) return false;
        http::response_parser<http::string_body> parser;
        parser.body_limit(64'000'000);
        http::read(stream, buffer, parser, error);
        response = parser.release();
        return !error;
    }
};

TestClient::TestClient(std::uint16_t port, std::optional<std::string> authority_pem)
    : impl_(std::make_unique<Impl>())
{
    impl_->port = port;
    if (!authority_pem) return;
    impl_->tls.emplace(asio::ssl::context::tls_client);
    impl_->tls->add_certificate_authority(asio::buffer(*authority_pem));
    impl_->tls->set_verify_mode(asio::ssl::verify_peer);
    impl_->tls->set_verify_callback(asio::ssl::host_name_verification{"127.0.0.1"});
}

TestClient::~TestClient() = default;

Reply TestClient::send(const std::string& method, const std::string& target,
                       const std::string& body, const std::map<std::string, std::string>& headers)
{
    if (!impl_->plain_stream && !impl_->tls_stream) impl_->connect();
    http::request<http::string_body> request{http::string_to_verb(method), target, 11};
    request.set(http::field::host, "127.0.0.1");
    for (const auto& [name, value] : headers) request.set(name, value);
    request.body() = body;
    request.prepare_payload();

    http::response<http::string_body> response;
    const bool answered = impl_->tls ? impl_->exchange(*impl_->tls_stream, request, response)
                                     : impl_->exchange(*impl_->plain_stream, request, response);
    if (!answered || !response.keep_alive()) {
        impl_->plain_stream.reset();
        impl_->tls_stream.reset();
    }
    Reply reply;
    if (!answered) return reply;
    reply.status = static_cast<int>(response.result_int());
    reply.body = response.body();
    for (const auto& field : response) {
        std::string name{field.name_string()};
        for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        reply.headers[name] = std::string{field.value()};
    }
    reply.json = parse_json(reply.body).value_or(Json::Value{});
    return reply;
}

std::string Reply::google_reason() const
{
    if (!is_object_with(json, "error")) return {};
    return json["error"]["errors"].isArray() ? text_of(json["error"]["errors"][0], "reason") : "";
}

StandinTest::StandinTest()
    : plain_(server_.http_port()), admin_(server_.http_port()), thread_([this] { io_.run(); })
{
}

StandinTest::~StandinTest()
{
    io_.stop();
    thread_.join();
}

Json::Value StandinTest::admin(const std::string& method, const std::string& path,
                               const std::string& body, int expected_status)
{
    const auto reply = admin_.send(method, "/admin/" + path, body);
    if (expected_status == 0) {
        EXPECT_TRUE(reply.status == 200 || reply.status == 201) << path << ": " << reply.body;
    } else {
        EXPECT_EQ(reply.status, expected_status) << path << ": " << reply.body;
    }
    return reply.json;
}

void StandinTest::account(const std::string& provider, const std::string& more)
{
    const auto made = admin("POST", "accounts",
                            R"({"provider":")" + provider + R"(","account":")" + owner +
                                R"(","client_id":"app","client_secret":"s3cret")" + more + "}");
    access = text_of(made, "access_token");
    refresh = text_of(made, "refresh_token");
}

Json::Value StandinTest::fault(const std::string& description)
{
    return admin("POST", "faults", description, 201);
}

Reply StandinTest::api(const std::string& method, const std::string& target,
                       const std::string& body, std::map<std::string, std::string> headers)
{
    headers.emplace("Authorization", "Bearer " + access);
    return plain_.send(method, target, body, headers);
}

Reply StandinTest::google_refresh(const std::string& refresh_token)
{
    return plain_.send(
        "POST", "/google/token",
        "grant_type=refresh_token&client_id=app&client_secret=s3cret&refresh_token=" +
            refresh_token);
}

Reply StandinTest::zoom_refresh(const std::string& refresh_token)
{
    return plain_.send("POST", "/zoom/oauth/token",
                       "grant_type=refresh_token&refresh_token=" + refresh_token,
                       {{"Authorization", "Basic YXBwOnMzY3JldA=="}});
}

Reply StandinTest::insert(const std::string& id, const std::string& more, int version)
{
    return api("POST",
               std::string{events} + "?conferenceDataVersion=" + std::to_string(version) +
                   "&sendUpdates=none",
               R"({"id":")" + id +
                   R"(","summary":"Maths","start":{"dateTime":"2030-01-01T10:00:00Z"},
                   "end":{"dateTime":"2030-01-01T11:00:00Z"},
                   "extendedProperties":{"private":{"app":"meetlink","session":"42"}},
                   "conferenceData":{"createRequest":{"requestId":")" +
                   id + R"(","conferenceSolutionKey":{"type":"hangoutsMeet"}}})" + more + "}");
}

Reply StandinTest::get_event(const std::string& id)
{
    return api("GET", std::string{events} + '/' + id);
}

Reply StandinTest::create_meeting(const std::string& agenda, const std::string& start)
{
    return api("POST", "/v2/users/me/meetings",
               R"({"topic":"Maths","type":2,"duration":60,"timezone":"UTC","start_time":")" +
                   start + R"(","agenda":")" + agenda +
                   R"(","settings":{"waiting_room":false,"join_before_host":true}})");
}

std::string conference_status(const Json::Value& event)
{
    return text_of(event["conferenceData"]["createRequest"]["status"], "statusCode");
}

}  // namespace meetlink::standin
