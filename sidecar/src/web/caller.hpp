#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>

#include "web/message.hpp"
#include "web/token.hpp"

namespace meetlink::web {

/// Under which role of the database a request is served, and what `request.jwt.claims` holds then.
struct Caller {
    std::string role;
    std::string claims;
    std::string subject{};  ///< `sub`; empty: the claims name nobody
    /// When the token ends; nothing: never.
    std::optional<std::chrono::system_clock::time_point> expires{};
};

/// Why a request that no token can prove is not from a program of this machine's own people; nothing
/// when it is. It must come from loopback and to a loopback Host (a browser that was sent here by DNS
/// rebinding names another), through no proxy, and from no other web origin.
[[nodiscard]] std::optional<std::string> not_local(const Request& request);

/// Decides who calls: by token when there is a key, else local callers only, who are operators.
class Callers {
public:
    explicit Callers(std::optional<TokenVerifier> verifier) : verifier_(std::move(verifier)) {}

    [[nodiscard]] std::variant<Caller, Answer> identify(
        const Request& request, std::chrono::system_clock::time_point now) const;

private:
    std::optional<TokenVerifier> verifier_;
};

}  // namespace meetlink::web
