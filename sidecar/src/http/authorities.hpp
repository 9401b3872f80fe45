#pragma once

#include <filesystem>

namespace meetlink::http {

/// The file of authorities that libcurl was built to trust; empty: it has none, but a store of another kind.
[[nodiscard]] std::filesystem::path system_authorities();

}  // namespace meetlink::http
