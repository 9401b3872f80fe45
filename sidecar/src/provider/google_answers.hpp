#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "failure.hpp"
#include "http/message.hpp"
#include "provider/provider.hpp"

/// What Google's answers mean (PROVIDERS.md 1.1, 1.3, 1.4, 1.8). Nothing here throws, whatever the body.
namespace meetlink::provider::google {

enum class Conference {
    ready,    ///< there is a link
    pending,  ///< Google is still making it
    failed,   ///< and will not change any more
    absent,   ///< the request for it was not taken
    empty,    ///< said to be there, but has no link
};

struct Event {
    std::string id;
    std::string session;  ///< our private property; empty on a foreign event
    std::string etag;
    std::string request_id;  ///< of the last request for a conference
    std::optional<std::chrono::sys_seconds> starts_at;
    std::optional<std::chrono::sys_seconds> ends_at;
    bool cancelled = false;  ///< deleted; it keeps its id (PROVIDERS.md 1.6)
    Conference conference = Conference::absent;
    std::string link;  ///< not checked yet
};

/// Nothing when the body is not an event.
[[nodiscard]] std::optional<Event> read_event(std::string_view body);

/// The insert met an event with the same id.
[[nodiscard]] bool is_duplicate(const http::Response& response);

/// Why a Calendar request failed.
[[nodiscard]] Failure api_failure(const http::Response& response, Stage stage);

/// The tokens of a 2xx; nothing when there are none.
[[nodiscard]] std::optional<Tokens> read_tokens(const http::Response& response);

/// Why a refresh failed; also for a 2xx without tokens.
[[nodiscard]] Failure token_failure(const http::Response& response);

}  // namespace meetlink::provider::google
