#include "provider/link_check.hpp"

#include <algorithm>
#include <cstddef>

#include "base/text.hpp"
#include "http/url.hpp"

namespace meetlink::provider {
namespace {

constexpr std::size_t longest_link = 2048;

/// RFC 3986 characters. What is left out (space, quote, backslash, control, anything beyond ASCII and
/// with it bidirectional marks) is what URL parsers disagree about.
bool plain(std::string_view link)
{
    constexpr std::string_view marks = "-._~:/?#[]@!$&'()*+,;=%";
    return std::all_of(link.begin(), link.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               marks.find(c) != std::string_view::npos;
    });
}

bool belongs(std::string_view host, std::string_view allowed)
{
    if (!allowed.starts_with('.')) {
        return equal_ignoring_case(host, allowed);
    }
    return host.size() > allowed.size() &&
           equal_ignoring_case(host.substr(host.size() - allowed.size()), allowed);
}

}  // namespace

std::optional<std::string> link_problem(std::string_view link,
                                        const std::vector<std::string>& hosts)
{
    if (link.size() > longest_link) {
        return "the link is " + std::to_string(link.size()) + " bytes long";
    }
    if (!plain(link)) {
        return "the link contains characters that no URL may contain";
    }
    const auto url = http::parse_url(link);
    if (!url) {
        return "the link is not an absolute URL";
    }
    if (url->scheme != "https") {
        return "the scheme of the link is " + truncate_bytes(url->scheme, 32) + ", not https";
    }
    if (url->has_userinfo) {
        return "the link contains a user name, host " + truncate_bytes(url->host, 255);
    }
    if (std::none_of(hosts.begin(), hosts.end(),
                     [&](const std::string& allowed) { return belongs(url->host, allowed); })) {
        return "the link is on host " + truncate_bytes(url->host, 255) +
               ", which is not in link_hosts";
    }
    return std::nullopt;
}

}  // namespace meetlink::provider
