#pragma once

#include "message.hpp"
#include "standin.hpp"

namespace meetlink::standin {

inline constexpr std::string_view admin_prefix = "/admin/";

/// Answers a request below /admin/ (README.md, "Admin operations"): how tests set the scene and look
/// behind it.
[[nodiscard]] Answer administrate(Standin& standin, const Request& request);

}  // namespace meetlink::standin
