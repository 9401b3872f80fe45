#pragma once

#include <optional>
#include <string_view>

#include "base/secret.hpp"
#include "failure.hpp"
#include "http/message.hpp"

namespace meetlink::provider {

/// What is the same for every provider in the reading of its answers.

[[nodiscard]] bool succeeded(const http::Response& response);

/// The server may have carried the request out: everything but a request that was not sent and a clear
/// refusal (PROVIDERS.md 0: no answer and 5xx are UNKNOWN). A 2xx that cannot be used counts as well.
[[nodiscard]] bool may_have_acted(const http::Response& response);

/// The reason where the answer's body cannot change it: no answer, 5xx, 408, redirect. Otherwise nothing.
[[nodiscard]] std::optional<Reason> reason_without_body(const http::Response& response);

/// A failure with everything that follows from the answer itself: detail, status, retry_after, and for
/// the stages that change something at the provider (token, create) whether the outcome is unknown.
[[nodiscard]] Failure failure_of(const http::Response& response, Stage stage, Reason reason,
                                 std::string_view code, std::string_view words);

/// A 2xx that cannot be used.
[[nodiscard]] Failure unusable(const http::Response& response, Stage stage, Reason reason,
                               std::string_view why);

/// Servers take 8 KiB of headers (nginx's and Apache's default); providers document at most 2048 bytes of
/// token (PROVIDERS.md 1.1).
inline constexpr std::size_t longest_header_token = std::size_t{7} * 1024;

/// A token that no HTTP header can carry is refused before it could split one. One that is too long is
/// the token endpoint's mistake: another refresh may bring a better one.
[[nodiscard]] std::optional<Failure> token_problem(const Secret& token, Stage stage);

}  // namespace meetlink::provider
