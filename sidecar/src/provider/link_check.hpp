#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meetlink::provider {

/// Why a provider's link must not be given to anybody, naming at most its host; nothing when it may be
/// stored: https, at most 2048 characters of plain ASCII, no user name in it, on one of `hosts`
/// ("meet.google.com" exactly, ".zoom.us" for every subdomain). A link outside these rules would make
/// us the carrier of somebody's phishing or script.
[[nodiscard]] std::optional<std::string> link_problem(std::string_view link,
                                                      const std::vector<std::string>& hosts);

}  // namespace meetlink::provider
