#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>

#include "config/config.hpp"
#include "http/sender.hpp"
#include "provider/provider.hpp"

namespace meetlink::provider {

/// What is the same for every provider that is reached over a REST API with client credentials.
class RestProvider : public Provider {
public:
    [[nodiscard]] bool configured() const final;
    [[nodiscard]] boost::asio::awaitable<CreateOutcome> create(MeetingRequest&& request,
                                                               const Secret& access_token) final;
    [[nodiscard]] boost::asio::awaitable<Result<std::vector<Meeting>>> search(
        MeetingRequest request, const Secret& access_token) final;
    [[nodiscard]] boost::asio::awaitable<Result<std::monostate>> reschedule(
        MeetingRequest request, std::string external_id, const Secret& access_token) final;

protected:
    RestProvider(config::Provider settings, http::Sender& sender,
                 std::chrono::milliseconds http_timeout);

    /// What one create() carries through its steps. The generation in `request` may be raised.
    struct Run {
        MeetingRequest& request;
        const Secret& access_token;
        http::Timings timings;
        int writes = 0;
    };

    /// create() proper: token and schedule have been found usable.
    [[nodiscard]] virtual boost::asio::awaitable<Result<Meeting>> make(Run& run) = 0;
    /// search() proper.
    [[nodiscard]] virtual boost::asio::awaitable<Result<std::vector<Meeting>>> find_all(
        Run& run) = 0;

    /// reschedule() proper.
    [[nodiscard]] virtual boost::asio::awaitable<Result<std::monostate>> move(
        MeetingRequest request, std::string external_id, const Secret& access_token) = 0;

    [[nodiscard]] const config::Provider& settings() const { return settings_; }
    [[nodiscard]] boost::asio::awaitable<http::Response> send(http::Request request);
    /// Likewise, noted in `run`. `request` must live until the answer.
    [[nodiscard]] boost::asio::awaitable<http::Response> send(http::Request&& request, Run& run);

private:
    config::Provider settings_;
    http::Sender& sender_;
    std::chrono::milliseconds http_timeout_;
};

}  // namespace meetlink::provider
