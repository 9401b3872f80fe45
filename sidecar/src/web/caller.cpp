#include "web/caller.hpp"

#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>

#include "base/text.hpp"
#include "web/answers.hpp"

namespace meetlink::web {

namespace asio = boost::asio;

namespace {

bool is_loopback(const asio::ip::address& address)
{
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback();
    }
    return address.is_loopback();
}

bool is_port(std::string_view text)
{
    return !text.empty() && text.size() <= 5 &&
           text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// "localhost", "127.0.0.1:8787", "[::1]:8787"
bool is_loopback_host(std::string_view host)
{
    std::string_view name = host;
    std::string_view port;
    if (host.starts_with('[')) {
        const auto end = host.find(']');
        if (end == std::string_view::npos) {
            return false;
        }
        name = host.substr(1, end - 1);
        port = host.substr(end + 1);
    } else if (const auto colon = host.find(':'); colon != std::string_view::npos) {
        name = host.substr(0, colon);
        port = host.substr(colon);
    }
    if (!port.empty() && (port.front() != ':' || !is_port(port.substr(1)))) {
        return false;
    }
    if (equal_ignoring_case(name, "localhost")) {
        return true;
    }
    boost::system::error_code no_address;
    const auto address = asio::ip::make_address(std::string{name}, no_address);
    return !no_address && address.is_v6() == host.starts_with('[') && is_loopback(address);
}

bool names_a_proxy(std::string_view header)
{
    const auto name = ascii_lower(header);
    return name == "forwarded" || name == "via" || name == "x-real-ip" ||
           name.starts_with("x-forwarded");
}

}  // namespace

std::optional<std::string> not_local(const Request& request)
{
    if (!is_loopback(request.peer)) {
        return "Without a key for tokens only callers on this machine are served.";
    }
    if (request.count("Host") != 1 || !is_loopback_host(request.header("Host"))) {
        return "Without a key for tokens the Host must be a loopback address.";
    }
    for (const auto& field : request.message) {
        const auto name = field.name_string();
        if (names_a_proxy({name.data(), name.size()})) {
            return "Without a key for tokens no proxy may stand in between.";
        }
    }
    const auto host = request.header("Host");
    const auto origin = request.header("Origin");
    if (request.count("Origin") > 1 ||
        (request.count("Origin") == 1 && !equal_ignoring_case(origin, "http://" + host))) {
        return "Without a key for tokens pages of other origins are not served.";
    }
    const auto site = request.header("Sec-Fetch-Site");
    if (!site.empty() && site != "same-origin" && site != "none") {
        return "Without a key for tokens pages of other sites are not served.";
    }
    if (request.count("Authorization") > 0) {
        return "The token cannot be checked: no key is configured.";
    }
    return std::nullopt;
}

std::variant<Caller, Answer> Callers::identify(const Request& request,
                                               std::chrono::system_clock::time_point now) const
{
    if (!verifier_) {
        if (const auto why = not_local(request)) {
            return forbidden("Forbidden", *why);
        }
        return Caller{.role = "meetlink_operator", .claims = R"({"role": "meetlink_operator"})"};
    }
    constexpr std::string_view scheme = "bearer ";
    const auto header = request.header("Authorization");
    if (request.count("Authorization") != 1 || header.size() <= scheme.size() ||
        !equal_ignoring_case(std::string_view{header}.substr(0, scheme.size()), scheme)) {
        return unauthenticated("A bearer token is required.");
    }
    const auto verified =
        verifier_->verify(trim(std::string_view{header}.substr(scheme.size())), now);
    if (const auto* why = std::get_if<std::string>(&verified)) {
        auto answer = unauthenticated("The token is not accepted: " + *why + ".");
        answer.headers.back().second += R"(, error="invalid_token")";
        return answer;
    }
    const auto& claims = std::get<Claims>(verified);
    if (claims.role.empty()) {
        return forbidden("Forbidden", "The token names no role.");
    }
    return Caller{.role = claims.role,
                  .claims = claims.json,
                  .subject = claims.subject,
                  .expires = claims.expires};
}

}  // namespace meetlink::web
