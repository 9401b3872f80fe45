#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "failure.hpp"
#include "http/message.hpp"
#include "provider/provider.hpp"

/// What Zoom's answers mean (PROVIDERS.md 2.1, 2.2, 2.3). Nothing here throws, whatever the body.
/// start_url is a host's key: it is never read.
namespace meetlink::provider::zoom {

struct ZoomMeeting {
    std::string id;  ///< digits
    std::string topic;
    std::string agenda;      ///< cut to 250 characters in lists
    std::string created_at;  ///< RFC 3339 in UTC, so it sorts as text
    std::optional<std::chrono::sys_seconds> starts_at;
    std::string join_url;  ///< not checked yet
};

struct Page {
    std::vector<ZoomMeeting> meetings;
    std::string next_page_token;  ///< empty on the last page
};

/// Nothing when the body is not a meeting with an id.
[[nodiscard]] std::optional<ZoomMeeting> read_meeting(std::string_view body);

/// Nothing when the body is not a list; entries without an id are left out.
[[nodiscard]] std::optional<Page> read_page(std::string_view body);

/// Why an API request failed. A daily limit without a Retry-After is over at 00:00 UTC.
[[nodiscard]] Failure api_failure(const http::Response& response, Stage stage);

/// The tokens of a 2xx; nothing when there are none.
[[nodiscard]] std::optional<Tokens> read_tokens(const http::Response& response);

/// Why a refresh failed; also for a 2xx without tokens.
[[nodiscard]] Failure token_failure(const http::Response& response);

}  // namespace meetlink::provider::zoom
