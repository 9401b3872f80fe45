#pragma once

#include <jwt.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/secret.hpp"
#include "config/config.hpp"

namespace meetlink::web {

/// What a caller's token says, after its signature was verified.
struct Claims {
    std::string json;     ///< all of them
    std::string role;     ///< empty when there is none
    std::string subject;  ///< `sub`, likewise
    /// `exp`; nothing when there is none.
    std::optional<std::chrono::system_clock::time_point> expires;
};

/// Verifies callers' JSON web tokens with the one configured key. The key decides which algorithms are
/// accepted, never the token: a secret HS256, an RSA key RS256, a P-256 key ES256.
class TokenVerifier {
public:
    /// Clocks of issuers may differ from ours by this much.
    static constexpr std::chrono::seconds clock_skew{5};

    /// Reads the key; or says why it cannot be used. There must be one (config::Http).
    [[nodiscard]] static std::variant<TokenVerifier, std::string> make(const config::Http& http);

    /// The claims, or for people why the token is not accepted. `exp` and `nbf` are checked when
    /// present, `aud` when an audience is configured.
    [[nodiscard]] std::variant<Claims, std::string> verify(
        std::string_view token, std::chrono::system_clock::time_point now) const;

private:
    TokenVerifier(Secret key, jwt_alg_t algorithm, std::string audience)
        : key_(std::move(key)), algorithm_(algorithm), audience_(std::move(audience))
    {
    }

    Secret key_;
    jwt_alg_t algorithm_;
    std::string audience_;
};

}  // namespace meetlink::web
