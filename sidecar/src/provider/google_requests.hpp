#pragma once

#include <string>

#include "base/secret.hpp"
#include "config/config.hpp"
#include "http/message.hpp"
#include "provider/provider.hpp"

/// The requests to Google, built without sending them (PROVIDERS.md 1.1, 1.3, 1.4, 1.7).
namespace meetlink::provider::google {

/// The idempotency key of the insert: "ml" and 160 bits of tenant, session and generation, in the
/// characters that Google allows (PROVIDERS.md 1.6).
[[nodiscard]] std::string event_id(const MeetingRequest& request);

/// The session as the event's private property: the key itself, or a fingerprint of it where Google
/// would silently cut it off (1024 characters, PROVIDERS.md 1.7).
[[nodiscard]] std::string session_property(const MeetingRequest& request);

/// A requestId that differs from the event's last one, or Google ignores it (PROVIDERS.md 1.5), and
/// that is the same again if this very request is repeated.
[[nodiscard]] std::string next_request_id(const std::string& event_id, const std::string& last_one,
                                          const std::string& etag);

[[nodiscard]] http::Request refresh(const config::Provider& settings, const Secret& refresh_token);
[[nodiscard]] http::Request insert(const config::Provider& settings, const Secret& access_token,
                                   const MeetingRequest& request);
[[nodiscard]] http::Request get(const config::Provider& settings, const Secret& access_token,
                                const std::string& event_id);
/// Asks for the conference once more, under a new requestId.
[[nodiscard]] http::Request renew_conference(const config::Provider& settings,
                                             const Secret& access_token,
                                             const std::string& event_id,
                                             const std::string& request_id);
/// Moves the event to the session's present time and title.
[[nodiscard]] http::Request reschedule(const config::Provider& settings, const Secret& access_token,
                                       const std::string& event_id, const MeetingRequest& request);
[[nodiscard]] http::Request remove(const config::Provider& settings, const Secret& access_token,
                                   const std::string& event_id);

}  // namespace meetlink::provider::google
