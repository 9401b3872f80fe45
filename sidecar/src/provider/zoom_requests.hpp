#pragma once

#include <string>

#include "base/secret.hpp"
#include "config/config.hpp"
#include "http/message.hpp"
#include "provider/provider.hpp"

/// The requests to Zoom, built without sending them (PROVIDERS.md 2.1, 2.2).
namespace meetlink::provider::zoom {

/// The mark at the start of `agenda` by which a meeting is found again, since Zoom has no idempotency
/// key: "[meetlink:" and 160 bits of tenant and session. Short, because lists cut the agenda to 250
/// characters.
[[nodiscard]] std::string tag(const MeetingRequest& request);

/// The title as Zoom takes it: one line of at most 200 characters.
[[nodiscard]] std::string topic(const MeetingRequest& request);

[[nodiscard]] http::Request refresh(const config::Provider& settings, const Secret& refresh_token);
[[nodiscard]] http::Request create(const config::Provider& settings, const Secret& access_token,
                                   const MeetingRequest& request);
/// Which of the user's meetings to list. "upcoming" leaves out meetings whose start has passed.
enum class Listing { upcoming, scheduled };
/// One page of 300; an empty token is the first page.
[[nodiscard]] http::Request list(const config::Provider& settings, const Secret& access_token,
                                 Listing listing, const std::string& page_token);
[[nodiscard]] http::Request get(const config::Provider& settings, const Secret& access_token,
                                const std::string& meeting_id);
/// Moves the meeting to the session's present time and title. One of a user's 100 changes a day.
[[nodiscard]] http::Request reschedule(const config::Provider& settings, const Secret& access_token,
                                       const std::string& meeting_id,
                                       const MeetingRequest& request);
[[nodiscard]] http::Request remove(const config::Provider& settings, const Secret& access_token,
                                   const std::string& meeting_id);

}  // namespace meetlink::provider::zoom
