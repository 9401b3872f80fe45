#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>

#include "reason.hpp"

namespace meetlink {

/// Where in the life of a job something happened (column meetlink.attempt.stage).
enum class Stage { claim, token, find, create, poll, settle };

/// The daemon's one failure type: what went wrong, in words and in a code, ready to be stored.
/// It never holds a secret: `detail` is made from provider messages and our own words only.
struct Failure {
    Reason reason{};
    Stage stage{};
    std::string detail;         ///< one line, at most 500 bytes of valid UTF-8
    int http_status = 0;        ///< 0: no answer
    std::string provider_code;  ///< the provider's own code, e.g. "rateLimitExceeded", "4711"
    /// How long the provider asked us to wait (PROVIDERS.md 2.4, 4.3), at most a day.
    std::optional<std::chrono::seconds> retry_after;
    /// The request may have been carried out although no usable answer came (PROVIDERS.md 0).
    bool outcome_unknown = false;
    /// The access token was refused: one refresh and one repetition are worth it.
    bool refresh_may_help = false;
};

/// A value, or the reason why there is none.
template <typename T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}

    [[nodiscard]] explicit operator bool() const { return state_.index() == 0; }
    [[nodiscard]] T& operator*() & { return std::get<0>(state_); }
    [[nodiscard]] const T& operator*() const& { return std::get<0>(state_); }
    [[nodiscard]] T&& operator*() && { return std::get<0>(std::move(state_)); }
    [[nodiscard]] T* operator->() { return &std::get<0>(state_); }
    [[nodiscard]] const T* operator->() const { return &std::get<0>(state_); }
    [[nodiscard]] Failure& failure() & { return std::get<1>(state_); }
    [[nodiscard]] const Failure& failure() const& { return std::get<1>(state_); }
    [[nodiscard]] Failure&& failure() && { return std::get<1>(std::move(state_)); }

private:
    std::variant<T, Failure> state_;
};

[[nodiscard]] constexpr std::string_view name(Stage stage)
{
    constexpr std::array<std::string_view, 6> names{"claim",  "token", "find",
                                                    "create", "poll",  "settle"};
    return names[static_cast<std::size_t>(stage)];
}

}  // namespace meetlink
