#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/secret.hpp"

namespace meetlink::log {

/// What a field of a log line can hold. Text is referred to, not copied: a Value lives no longer than
/// the call it is passed to. A duration becomes a number of milliseconds.
class Value {
public:
    using Held = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

    // NOLINTBEGIN(google-explicit-constructor): {"key", value} is the point of this class
    constexpr Value(std::string_view text) : held_(text) {}
    constexpr Value(const char* text) : held_(text ? std::string_view{text} : std::string_view{}) {}
    Value(const std::string& text) : held_(std::string_view{text}) {}
    constexpr Value(std::same_as<bool> auto flag) : held_(flag) {}
    constexpr Value(std::signed_integral auto number) : held_(std::int64_t{number}) {}
    constexpr Value(std::unsigned_integral auto number) requires(
        !std::same_as<decltype(number), bool>)
        : held_(std::uint64_t{number})
    {
    }
    constexpr Value(std::floating_point auto number) : held_(static_cast<double>(number)) {}
    template <typename Rep, typename Period>
    constexpr Value(std::chrono::duration<Rep, Period> duration)
        : held_(std::chrono::duration<double, std::milli>(duration).count())
    {
    }
    // NOLINTEND(google-explicit-constructor)
    template <typename Allocator>
    Value(const BasicSecret<Allocator>&) = delete;  ///< secrets never reach a log
    Value(std::nullptr_t) = delete;

    [[nodiscard]] const Held& held() const { return held_; }

private:
    Held held_;
};

struct Field {
    std::string_view key;  ///< snake_case
    Value value;
};

}  // namespace meetlink::log
