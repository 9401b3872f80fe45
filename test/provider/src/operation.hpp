#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "store.hpp"

namespace meetlink::standin {

/// What a request asks a provider for; `other` is a route that the provider does not have.
enum class Operation : std::uint8_t {
    token,
    revoke,
    create,
    get,
    list,
    update,
    remove,
    calendar,
    status,
    other,
};
inline constexpr std::array<std::string_view, 10> operation_names{
    "token", "revoke", "create", "get", "list", "update", "delete", "calendar", "status", "other"};
[[nodiscard]] constexpr std::string_view name(Operation operation)
{
    return operation_names[static_cast<std::size_t>(operation)];
}
/// Also understands "insert", "patch" and "put".
[[nodiscard]] std::optional<Operation> parse_operation(std::string_view text);

/// A request that has been recognised.
struct Call {
    ProviderKind provider{};
    Operation operation = Operation::other;
    std::string owner;    ///< calendar id or Zoom user id as addressed
    std::string id;       ///< event or meeting id as addressed
    std::string account;  ///< whose token it carries, valid or not; empty when nobody's
};

}  // namespace meetlink::standin
