#pragma once

#include <json/value.h>

#include <optional>
#include <string>
#include <string_view>

#include "effect.hpp"
#include "store.hpp"

namespace meetlink::standin {

/// PROVIDERS.md 1.6: 5 to 1024 characters of base32hex in lower case.
[[nodiscard]] bool is_event_id(std::string_view id);
/// The moment that an event's `start` or `end` names; nullopt when it names none.
[[nodiscard]] std::optional<Time> event_time(const Json::Value& event, const char* key);
/// Takes out of `body` the members that a client may write; properties over Google's limits are cut (1.7).
[[nodiscard]] Json::Value take_writable(Json::Value& body);

/// How a request for a conference was taken.
enum class ConferenceRequest { none, unchanged, made, wrong_type, malformed };

/// Looks at `conferenceData` in a request of version 1 (1.4, 1.5). `made`: `members` are the members
/// `conferenceData` and `hangoutLink` as text, each with a comma after it, empty when there are none.
[[nodiscard]] ConferenceRequest request_conference(const Account& account, Meeting& meeting,
                                                   const Json::Value& body,
                                                   std::string_view current_request_id,
                                                   const ConferenceScript& script,
                                                   std::string& members);
/// The requestId of the event's conference; empty when it has none.
[[nodiscard]] std::string conference_request_id(const Json::Value& event);
/// Puts the members into an event in place of those that it has.
void replace_conference(Json::Value& event, const std::string& members);
/// Ends `pending`: fills in entry points, or says failure.
void finish_conference(const Account& account, Meeting& meeting, Json::Value& event);

/// The meeting's first state, from what the client wrote. Text, not a tree: this is where the stand-in
/// spends its time under load.
void store_new_event(const Account& account, Meeting& meeting, const Json::Value& written,
                     const std::string& conference_members, Time now);
/// Stores `event` as the meeting's new state, with a new etag.
void store_event(Meeting& meeting, Json::Value event, Time now);

}  // namespace meetlink::standin
