#pragma once

#include <gtest/gtest.h>
#include <json/value.h>

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "server.hpp"

namespace meetlink::standin {

/// What came back; `status` is 0 when the connection ended without a complete answer.
struct Reply {
    int status = 0;
    std::string body;
    std::map<std::string, std::string> headers;  ///< names in lower case
    Json::Value json;                            ///< null unless the body is JSON

    /// "google.rateLimitExceeded" says `rateLimitExceeded` here.
    [[nodiscard]] std::string google_reason() const;
};

/// A blocking client with one connection, plain or TLS.
class TestClient {
public:
    explicit TestClient(std::uint16_t port,
                        std::optional<std::string> authority_pem = std::nullopt);
    ~TestClient();
    /// Connects again when the last exchange ended the connection.
    Reply send(const std::string& method, const std::string& target, const std::string& body = {},
               const std::map<std::string, std::string>& headers = {});

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// A stand-in of its own for every test, on free ports, in a thread.
class StandinTest : public ::testing::Test {
protected:
    StandinTest();
    ~StandinTest() override;

    Json::Value admin(const std::string& method, const std::string& path,
                      const std::string& body = {}, int expected_status = 0);
    /// Makes an account and keeps its tokens in `access` and `refresh`.
    void account(const std::string& provider, const std::string& more = "");
    Json::Value fault(const std::string& description);

    Reply api(const std::string& method, const std::string& target, const std::string& body = {},
              std::map<std::string, std::string> headers = {});
    Reply google_refresh(const std::string& refresh_token);
    Reply zoom_refresh(const std::string& refresh_token);
    Reply insert(const std::string& id, const std::string& more = "", int version = 1);
    Reply get_event(const std::string& id);
    Reply create_meeting(const std::string& agenda = "ref:42-1 Maths",
                         const std::string& start = "2030-01-01T10:00:00Z");

    static constexpr auto owner = "tutor@example.org";
    static constexpr auto events = "/calendar/v3/calendars/primary/events";

    std::string access;
    std::string refresh;

private:
    boost::asio::io_context io_{1};

protected:
    Server server_{io_, 0, 0};
    TestClient plain_;
    TestClient admin_;

private:
    std::thread thread_;
};

[[nodiscard]] std::string conference_status(const Json::Value& event);

}  // namespace meetlink::standin
