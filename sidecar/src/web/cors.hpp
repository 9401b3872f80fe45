#pragma once

#include <optional>
#include <string>
#include <vector>

#include "web/message.hpp"

/// Pages of other origins (Fetch standard, section 3.2): those that the configuration lists may read answers.
/// Credentials are never allowed, since a token in Authorization is the only one there is.
namespace meetlink::web {

/// The answer to a preflight request of a listed origin; nothing when it is none.
[[nodiscard]] std::optional<Answer> answer_preflight(const Request& request,
                                                     const std::vector<std::string>& origins);

/// Adds what lets a listed origin read the answer.
void allow_origin(const Request& request, const std::vector<std::string>& origins, Answer& answer);

}  // namespace meetlink::web
