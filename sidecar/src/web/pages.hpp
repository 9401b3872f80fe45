#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "web/message.hpp"

namespace meetlink::web {

/// The page or asset at `path`, nothing when there is none: `/sessions`, `/sessions/{id}`, `/console`, and
/// `/assets/<name>` for every other file of sidecar/pages/. 304 for a client that has it already. A page may
/// be framed by `embed_origins` alone.
[[nodiscard]] std::optional<Answer> find_page(std::string_view path, std::string_view if_none_match,
                                              const std::vector<std::string>& embed_origins);

}  // namespace meetlink::web
