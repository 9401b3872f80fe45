#pragma once

#include <optional>

#include "failure.hpp"
#include "provider/provider.hpp"

namespace meetlink::provider {

/// A meeting that does not end after it starts is refused here; providers would make of it what they
/// like (Zoom: an instant meeting, PROVIDERS.md 2.2).
[[nodiscard]] inline std::optional<Failure> schedule_problem(const MeetingRequest& request)
{
    if (request.ends_at > request.starts_at) {
        return std::nullopt;
    }
    Failure failure;
    failure.reason = Reason::invalid_schedule;
    failure.stage = Stage::create;
    failure.detail = "the session does not end after it starts";
    return failure;
}

}  // namespace meetlink::provider
