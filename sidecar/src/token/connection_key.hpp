#pragma once

#include <compare>
#include <string>

namespace meetlink::token {

/// Names one of the user's connections.
struct ConnectionKey {
    std::string owner_id;
    std::string provider;

    auto operator<=>(const ConnectionKey&) const = default;

    /// "owner/provider", as meetlink.claim's `skip` has it; also the cipher's context.
    [[nodiscard]] std::string text() const { return owner_id + "/" + provider; }
};

}  // namespace meetlink::token
