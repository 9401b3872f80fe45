#pragma once

#include <string>

#include "base/secret.hpp"
#include "http/message.hpp"

namespace meetlink::provider {

/// A request with a bearer token, for an API that answers JSON.
[[nodiscard]] http::Request api_request(const Secret& access_token, std::string method,
                                        std::string url);
[[nodiscard]] http::Request api_request(const Secret& access_token, std::string method,
                                        std::string url, std::string json);

}  // namespace meetlink::provider
