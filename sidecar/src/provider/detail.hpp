#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace meetlink::provider {

inline constexpr std::size_t longest_detail = 500;

/// A provider's own words, fit to be stored and shown: one line of valid UTF-8, and whatever looks like
/// a token (a long run of random letters and digits, what follows "Bearer" or "access_token=") replaced
/// by "[redacted]", because providers echo what they were sent.
[[nodiscard]] std::string clean_words(std::string_view words);

/// A provider's error code, or nothing if it is not a short word, or looks like a token.
[[nodiscard]] std::string clean_code(std::string_view code);

/// One line of at most `longest_detail` bytes, such as
/// "HTTP 401 invalid_client from oauth2.googleapis.com: The OAuth client was not found."
[[nodiscard]] std::string detail_of(const http::Response& response, std::string_view code,
                                    std::string_view words);

}  // namespace meetlink::provider
