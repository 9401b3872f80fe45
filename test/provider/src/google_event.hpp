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

/// Looks at `conferenceData` in a request of version 1 and makes the conference in `event` when one is
/// asked for (1.4, 1.5).
[[nodiscard]] ConferenceRequest request_conference(const Account& account, Meeting& meeting,
                                                   Json::Value& event, const Json::Value& body,
                                                   const ConferenceScript& script);
/// Ends `pending`: fills in entry points, or says failure.
void finish_conference(const Account& account, const Meeting& meeting, Json::Value& event);

/// Stores `event` as the meeting's new state, with a new etag, and derives what lists filter by.
void store_event(Meeting& meeting, Json::Value event, Time now);

}  // namespace meetlink::standin
