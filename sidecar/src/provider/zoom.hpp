#pragma once

#include <chrono>
#include <vector>

#include "config/config.hpp"
#include "http/sender.hpp"
#include "provider/rest_provider.hpp"
#include "provider/zoom_answers.hpp"

namespace meetlink::provider {

/// Zoom meetings. A create cannot be made idempotent, so one whose predecessor's outcome is unknown
/// (`MeetingRequest::may_exist`) first looks for the session's tag among the owner's meetings, and
/// creates only when it is certain that there is none (DESIGN rule 5).
class Zoom final : public RestProvider {
public:
    Zoom(config::Provider settings, http::Sender& sender, std::chrono::milliseconds http_timeout);

    [[nodiscard]] std::string_view name() const override { return "zoom"; }
    [[nodiscard]] bool rotates_refresh_tokens() const override { return true; }
    [[nodiscard]] boost::asio::awaitable<Result<Tokens>> refresh(
        const Secret& refresh_token) override;
    [[nodiscard]] boost::asio::awaitable<Result<std::monostate>> cancel(
        std::string external_id, const Secret& access_token) override;

private:
    [[nodiscard]] boost::asio::awaitable<Result<Meeting>> make(Run& run) override;
    [[nodiscard]] boost::asio::awaitable<Result<std::monostate>> move(
        MeetingRequest request, std::string external_id, const Secret& access_token) override;
    [[nodiscard]] boost::asio::awaitable<Result<std::vector<Meeting>>> find_all(Run& run) override;
    boost::asio::awaitable<Result<std::vector<zoom::ZoomMeeting>>> find(Run& run);
    boost::asio::awaitable<Result<Meeting>> adopt(Run& run, std::vector<zoom::ZoomMeeting> found);
    boost::asio::awaitable<Result<Meeting>> find_or_create(Run& run);
    boost::asio::awaitable<Result<Meeting>> create_new(Run& run);
    [[nodiscard]] Result<Meeting> created(const Run& run, const http::Response& answer) const;
    [[nodiscard]] Result<Meeting> accept(const Run& run, const zoom::ZoomMeeting& meeting,
                                         const http::Response& answer, bool adopted) const;
};

}  // namespace meetlink::provider
