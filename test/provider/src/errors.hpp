#pragma once

#include <span>
#include <string_view>

#include "clock.hpp"
#include "message.hpp"

namespace meetlink::standin {

/// Which headers a rate-limit answer carries (PROVIDERS.md 2.4).
enum class LimitHeaders { none, zoom_per_second, zoom_daily };

/// One row of the error tables of PROVIDERS.md 1.1, 1.8, 2.1 and 2.3, ready to be sent.
struct NamedError {
    std::string_view name;  ///< "google.rateLimitExceeded", "zoom.token.invalid_grant", ...
    int status;
    std::string_view body;
    std::string_view content_type = json_type;
    LimitHeaders headers = LimitHeaders::none;
};

[[nodiscard]] std::span<const NamedError> google_errors();
[[nodiscard]] std::span<const NamedError> zoom_errors();
/// nullptr when there is no error of this name.
[[nodiscard]] const NamedError* find_error(std::string_view name);

[[nodiscard]] Answer to_answer(const NamedError& error, Time now);
/// The error of this name, which must exist.
[[nodiscard]] Answer error_answer(std::string_view name, Time now);
/// An error of Zoom with a message made up on the spot.
[[nodiscard]] Answer zoom_error(int status, int code, std::string_view message);
/// An error of the Calendar API with a message made up on the spot.
[[nodiscard]] Answer google_error(int status, std::string_view domain, std::string_view reason,
                                  std::string_view message);

}  // namespace meetlink::standin
