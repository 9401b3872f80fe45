#pragma once

#include <chrono>
#include <vector>

#include "config/config.hpp"
#include "http/sender.hpp"
#include "provider/google_answers.hpp"
#include "provider/rest_provider.hpp"

namespace meetlink::provider {

/// How long one attempt waits for Google to make a conference, and for an id that is reported as taken
/// to become readable. The sums stay well inside a lease.
struct GooglePace {
    std::vector<std::chrono::milliseconds> conference{
        std::chrono::milliseconds{500}, std::chrono::milliseconds{1'000},
        std::chrono::milliseconds{2'000}, std::chrono::milliseconds{4'000}};
    std::vector<std::chrono::milliseconds> duplicate{std::chrono::milliseconds{250},
                                                     std::chrono::milliseconds{750}};
};

/// Google Meet, through an event in the owner's primary calendar. The event's id is made from the
/// session, so an insert whose outcome is unknown is simply repeated: it meets the event of the first
/// one (PROVIDERS.md 1.6). `MeetingRequest::may_exist` therefore changes nothing here.
class Google final : public RestProvider {
public:
    Google(config::Provider settings, http::Sender& sender, std::chrono::milliseconds http_timeout,
           GooglePace pace = {});

    [[nodiscard]] std::string_view name() const override { return "google_meet"; }
    [[nodiscard]] bool rotates_refresh_tokens() const override { return false; }
    [[nodiscard]] boost::asio::awaitable<Result<Tokens>> refresh(
        const Secret& refresh_token) override;
    [[nodiscard]] boost::asio::awaitable<Result<std::monostate>> cancel(
        std::string external_id, const Secret& access_token) override;

private:
    [[nodiscard]] boost::asio::awaitable<Result<Meeting>> make(Run& run) override;
    [[nodiscard]] boost::asio::awaitable<Result<std::monostate>> move(
        MeetingRequest request, std::string external_id, const Secret& access_token) override;
    [[nodiscard]] boost::asio::awaitable<Result<std::vector<Meeting>>> find_all(Run& run) override;
    boost::asio::awaitable<Result<std::optional<google::Event>>> look_up(Run& run, std::string id);
    boost::asio::awaitable<void> correct_times(Run& run, google::Event& event);
    boost::asio::awaitable<Result<Meeting>> wait_for_link(Run& run, google::Event event,
                                                          bool adopted);
    [[nodiscard]] Result<Meeting> accept(const Run& run, const google::Event& event,
                                         const http::Response& answer, bool adopted) const;

    GooglePace pace_;
};

}  // namespace meetlink::provider
