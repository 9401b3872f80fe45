#pragma once

#include "failure.hpp"
#include "http/message.hpp"
#include "provider/provider.hpp"

namespace meetlink::provider {

/// The life of an access token when the answer does not say, or says 0, something negative or no
/// number at all: one hour, what both providers give (PROVIDERS.md 1.1, 2.1). A token that dies sooner
/// costs one 401 and one more refresh.
inline constexpr std::chrono::seconds default_expires_in = std::chrono::hours{1};

/// The longest token accepted; providers document at most 2048 bytes (PROVIDERS.md 1.1).
inline constexpr std::size_t longest_token = std::size_t{64} * 1024;

/// Reads a 2xx of a token endpoint. Nothing when it holds no usable access token.
[[nodiscard]] std::optional<Tokens> read_tokens(const http::Response& response);

}  // namespace meetlink::provider
