#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace meetlink::http {

struct Url {
    std::string scheme;  ///< lower case
    std::string host;    ///< lower case, an IPv6 address in brackets
    bool has_userinfo = false;
};

/// The parts of an absolute URL, as libcurl itself will understand it.
[[nodiscard]] std::optional<Url> parse_url(std::string_view text);

/// "localhost", 127.0.0.0/8 and ::1.
[[nodiscard]] bool is_loopback(std::string_view host);

/// What is wrong with `text` as the address of a provider, in words: it must be https, or http on a
/// loopback host (DESIGN section 10), without credentials in it. Nothing when it is right.
[[nodiscard]] std::optional<std::string> endpoint_problem(std::string_view text);
/// The same of what parse_url() has found.
[[nodiscard]] std::optional<std::string> endpoint_problem(const std::optional<Url>& url);

}  // namespace meetlink::http
