#include "http/url.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <memory>

#include "base/text.hpp"

namespace meetlink::http {
namespace {

struct UrlCleanup {
    void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};
using UrlHandle = std::unique_ptr<CURLU, UrlCleanup>;

std::optional<std::string> part(const UrlHandle& url, CURLUPart which)
{
    char* text = nullptr;
    if (curl_url_get(url.get(), which, &text, 0) != CURLUE_OK) {
        return std::nullopt;
    }
    std::string copy(text);
    curl_free(text);
    return copy;
}

}  // namespace

std::optional<Url> parse_url(std::string_view text)
{
    if (text.find('\0') != std::string_view::npos) {
        return std::nullopt;
    }
    const UrlHandle handle(curl_url());
    const std::string terminated(text);
    if (!handle || curl_url_set(handle.get(), CURLUPART_URL, terminated.c_str(),
                                CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
        return std::nullopt;
    }
    const auto scheme = part(handle, CURLUPART_SCHEME);
    const auto host = part(handle, CURLUPART_HOST);
    if (!scheme || !host || host->empty()) {
        return std::nullopt;
    }
    const bool has_userinfo =
        part(handle, CURLUPART_USER).has_value() || part(handle, CURLUPART_PASSWORD).has_value();
    return Url{ascii_lower(*scheme), ascii_lower(*host), has_userinfo};
}

bool is_loopback(std::string_view host)
{
    if (host == "localhost" || host == "[::1]") {
        return true;
    }
    in_addr address{};
    const std::string text(host);
    return inet_pton(AF_INET, text.c_str(), &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

std::optional<std::string> endpoint_problem(std::string_view text)
{
    return endpoint_problem(parse_url(text));
}

std::optional<std::string> endpoint_problem(const std::optional<Url>& url)
{
    if (!url) {
        return "it is not an absolute URL";
    }
    if (url->has_userinfo) {
        return "it must not contain a user name or password";
    }
    if (url->scheme == "https" || (url->scheme == "http" && is_loopback(url->host))) {
        return std::nullopt;
    }
    if (url->scheme == "http") {
        return "http:// is accepted for loopback hosts only, not for " + url->host;
    }
    return "its scheme must be https, not " + url->scheme;
}

}  // namespace meetlink::http
