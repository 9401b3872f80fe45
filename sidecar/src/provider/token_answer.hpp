#pragma once

#include <span>
#include <string_view>

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

/// The scopes any one of which lets a meeting be made, and the reason when an answer names others only.
struct NeededScope {
    std::span<const std::string_view> any_of;
    Reason otherwise;
};

/// Reads a 2xx of a token endpoint. Nothing when it holds no usable access token. An answer that does not
/// name its scopes has them all.
[[nodiscard]] std::optional<Tokens> read_tokens(const http::Response& response,
                                                const NeededScope& needed);

}  // namespace meetlink::provider
