#include "config/value.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <type_traits>

#include "base/duration.hpp"
#include "base/text.hpp"
#include "http/url.hpp"

namespace meetlink::config {
namespace {

using Problem = std::optional<BadValue>;

bool printable(std::string_view text)
{
    return std::ranges::none_of(text, [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; });
}

std::string in_quotes(std::string_view text)
{
    return '"' + truncate_bytes(one_line(text), 80) + '"';
}

Problem link_host_problem(std::string_view host)
{
    const std::string_view name = host.starts_with('.') ? host.substr(1) : host;
    const bool letters = std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    });
    // a subdomain rule for a whole top-level domain would accept anybody's links
    const bool broad = host.starts_with('.') && name.find('.') == std::string_view::npos;
    if (name.empty() || !letters || broad || name.starts_with('.') || name.ends_with('.') ||
        name.find("..") != std::string_view::npos) {
        return BadValue{"has the host " + in_quotes(host) + ", which is not a host name",
                        "write \"meet.google.com\", or \".zoom.us\" for every subdomain"};
    }
    return std::nullopt;
}

/// As browsers write it (RFC 6454 section 6.2), since it is compared as text: no path, lower case.
Problem origin_problem(const std::string& origin)
{
    const auto host = origin.find("://") + 3;
    const bool scheme = origin.starts_with("https://") || origin.starts_with("http://");
    const bool characters =
        scheme && host < origin.size() && std::ranges::all_of(origin.substr(host), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                   std::string_view{"-.:[]"}.find(c) != std::string_view::npos;
        });
    const bool default_port = origin.ends_with(origin.starts_with("https://") ? ":443" : ":80");
    if (!characters || default_port) {
        return BadValue{"has " + in_quotes(origin) + ", which is not an origin",
                        "write scheme, host and, if it is not the default, port: "
                        "\"https://app.example.org\""};
    }
    return std::nullopt;
}

Problem file_problem(const std::string& path)
{
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || ::access(path.c_str(), R_OK) != 0) {
        return BadValue{"names the file " + in_quotes(path) +
                            ", which cannot be read: " + ascii_lower(std::strerror(errno)),
                        ""};
    }
    if (S_ISDIR(status.st_mode)) {
        return BadValue{"names " + in_quotes(path) + ", which is a directory", ""};
    }
    return std::nullopt;
}

Problem rule_problem(Rule rule, const std::string& text)
{
    if (text.empty() && rule != Rule::url) {
        return std::nullopt;
    }
    if (!printable(text)) {
        return BadValue{"holds control characters", "write it on one line"};
    }
    switch (rule) {
        case Rule::url:
            if (const auto problem = http::endpoint_problem(text)) {
                return BadValue{"is not usable: " + *problem, ""};
            }
            if (text.find_first_of("?#") != std::string::npos) {
                return BadValue{"must not have a query or a fragment", ""};
            }
            return std::nullopt;
        case Rule::listen_address:
            if (!parse_listen(text)) {
                return BadValue{"is " + in_quotes(text) + ", which is not an address and a port",
                                "write \"127.0.0.1:8787\", \"[::1]:8787\", or \"\" to turn it off"};
            }
            return std::nullopt;
        case Rule::readable_file:
            return file_problem(text);
        case Rule::link_hosts:
            return link_host_problem(text);
        case Rule::origin:
            return origin_problem(text);
        case Rule::any:
        case Rule::conninfo:
        case Rule::line:
            return std::nullopt;
    }
    return std::nullopt;
}

template <typename Number>
Problem read_number(const Setting& setting, std::string_view text, Number& out)
{
    Number value{};
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    const bool too_large = error == std::errc::result_out_of_range;
    if (text.empty() || rest != end || (error != std::errc{} && !too_large)) {
        return BadValue{"is " + in_quotes(text) + ", which is not a number",
                        "expected: " + setting.type_text()};
    }
    // written so that NaN is outside too
    if (too_large || !(static_cast<double>(value) >= setting.least &&
                       static_cast<double>(value) <= setting.most)) {
        return BadValue{"is " + std::string(text) + ", which is out of range",
                        "expected: " + setting.type_text()};
    }
    out = value;
    return std::nullopt;
}

Problem read(const Setting& setting, const std::string& text, int& out)
{
    return read_number(setting, text, out);
}

Problem read(const Setting& setting, const std::string& text, double& out)
{
    return read_number(setting, text, out);
}

Problem read(const Setting& setting, const std::string& text, std::chrono::milliseconds& out)
{
    const auto value = parse_duration(text);
    if (!value) {
        return BadValue{"is " + in_quotes(text) + ", which is not a duration",
                        "write a whole number with a unit: \"250ms\", \"30s\", \"5m\" or \"1h\""};
    }
    const auto count = static_cast<double>(value->count());
    if (count < setting.least || count > setting.most) {
        return BadValue{"is " + in_quotes(text) + ", which is out of range",
                        "expected: " + setting.type_text()};
    }
    out = *value;
    return std::nullopt;
}

Problem read(const Setting& setting, const std::string& text, std::string& out)
{
    if (auto problem = rule_problem(setting.rule, text)) {
        return problem;
    }
    out = text;
    while (setting.rule == Rule::url && out.ends_with('/')) {
        out.pop_back();
    }
    return std::nullopt;
}

Problem read(const Setting& setting, const std::string& text, std::filesystem::path& out)
{
    out = text;
    return rule_problem(setting.rule, text);
}

template <typename Enum>
requires std::is_enum_v<Enum> Problem read(const Setting& setting, const std::string& text,
                                           Enum& out)
{
    const auto known = words(setting);
    const auto found = std::ranges::find(known, text);
    if (found == known.end()) {
        return BadValue{"is " + in_quotes(text) + ", which it does not know",
                        "expected: " + setting.type_text()};
    }
    out = static_cast<Enum>(found - known.begin());
    return std::nullopt;
}

/// Which TOML types fit; what the environment gives always does.
template <typename T>
bool fits(Shape shape)
{
    if constexpr (std::is_same_v<T, int>) {
        return shape == Shape::integer;
    } else if constexpr (std::is_same_v<T, double>) {
        return shape == Shape::integer || shape == Shape::number;
    } else if constexpr (std::is_same_v<T, std::vector<std::string>> ||
                         std::is_same_v<T, std::vector<Secret>>) {
        return shape == Shape::list;
    } else {
        return shape == Shape::string;
    }
}

BadValue wrong_shape(const Setting& setting, Shape shape)
{
    constexpr std::array<std::string_view, 6> names{"text",       "a string", "a list",
                                                    "an integer", "a number", "something else"};
    std::string hint = "expected: " + setting.type_text();
    if (std::holds_alternative<std::chrono::milliseconds& (*)(Config&)>(setting.target)) {
        hint += R"(, in quotes and with a unit, such as "30s")";
    } else if (setting.list()) {
        hint += R"(, such as ["a", "b"])";
    }
    return {std::string("is ").append(names[static_cast<std::size_t>(shape)]), std::move(hint)};
}

/// A single value; `Secret` and lists have overloads of their own.
template <typename T>
Problem store(const Setting& setting, const RawValue& raw, T& out)
{
    return read(setting, std::string(raw.items.at(0).reveal()), out);
}

Problem store(const Setting&, const RawValue& raw, Secret& out)
{
    if (raw.items.at(0).empty()) {
        return BadValue{"is empty", "leave it out, or give it a value"};
    }
    if (!printable(raw.items.at(0).reveal())) {
        return BadValue{"holds control characters", "write it on one line"};
    }
    out = raw.items.at(0);
    return std::nullopt;
}

Problem store(const Setting& setting, const RawValue& raw, std::vector<Secret>& out)
{
    out.clear();
    for (const Secret& item : raw.items) {
        const RawValue one{raw.shape, {item}};
        if (auto problem = store(setting, one, out.emplace_back())) {
            return problem;
        }
    }
    return std::nullopt;
}

Problem store(const Setting& setting, const RawValue& raw, std::vector<std::string>& out)
{
    if (raw.items.empty()) {
        return BadValue{"is an empty list", "leave it out for its default"};
    }
    out.clear();
    for (const Secret& item : raw.items) {
        const std::string text{item.reveal()};
        auto problem =
            setting.rule == Rule::origin ? origin_problem(text) : link_host_problem(text);
        if (problem) {
            return problem;
        }
        out.push_back(text);
    }
    return std::nullopt;
}

std::string show_text(std::string_view text)
{
    return std::string(1, '"').append(text).append(1, '"');
}

}  // namespace

Problem assign(const Setting& setting, const RawValue& raw, Config& config)
{
    return std::visit(
        [&](auto target) -> Problem {
            auto& out = target(config);
            if (raw.shape != Shape::text && !fits<std::remove_cvref_t<decltype(out)>>(raw.shape)) {
                return wrong_shape(setting, raw.shape);
            }
            return store(setting, raw, out);
        },
        setting.target);
}

std::string show(const Setting& setting, const Config& config)
{
    if (is_unset(setting, config)) {
        return "(unset)";
    }
    return std::visit(
        [&](auto target) -> std::string {
            // the accessors are shared with assign(), hence the copy
            Config copy = config;
            const auto& value = target(copy);
            using T = std::remove_cvref_t<decltype(value)>;
            if constexpr (std::is_same_v<T, Secret> || std::is_same_v<T, std::vector<Secret>>) {
                return "(set)";
            } else if constexpr (std::is_same_v<T, int>) {
                return std::to_string(value);
            } else if constexpr (std::is_same_v<T, double>) {
                return number_text(value);
            } else if constexpr (std::is_same_v<T, std::chrono::milliseconds>) {
                return show_text(format_duration(value));
            } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
                std::string list;
                for (const std::string& item : value) {
                    list += (list.empty() ? "" : ", ") + show_text(item);
                }
                return "[" + list + "]";
            } else if constexpr (std::is_enum_v<T>) {
                return show_text(words(setting)[static_cast<std::size_t>(value)]);
            } else {
                const std::string text = value;
                const bool password =
                    setting.rule == Rule::conninfo && (contains_ignoring_case(text, "password") ||
                                                       text.find("://") != std::string::npos);
                return password ? "(set, not shown: may hold a password)" : show_text(text);
            }
        },
        setting.target);
}

bool is_unset(const Setting& setting, const Config& config)
{
    return std::visit(
        [&](auto target) {
            Config copy = config;
            const auto& value = target(copy);
            if constexpr (requires { value.empty(); }) {
                return value.empty();
            } else {
                return false;
            }
        },
        setting.target);
}

std::vector<std::string_view> split_list(std::string_view text)
{
    std::vector<std::string_view> items;
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        items.push_back(trim(text.substr(0, comma)));
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    }
    return items;
}

std::string number_text(double value)
{
    std::array<char, 32> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                   std::chars_format::fixed);
    return {buffer.data(), end.ptr};
}

std::optional<ListenAddress> parse_listen(std::string_view text)
{
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) {
        host = host.substr(1, host.size() - 2);
    } else if (host == "localhost") {
        host = "127.0.0.1";
    }
    ListenAddress result;
    const char* end = port.data() + port.size();
    const auto [rest, error] = std::from_chars(port.data(), end, result.port);
    boost::system::error_code bad;
    const auto address = boost::asio::ip::make_address(std::string(host), bad);
    if (port.empty() || rest != end || error != std::errc{} || bad ||
        address.is_v6() != bracketed) {
        return std::nullopt;
    }
    result.host = address.to_string();
    result.loopback = address.is_loopback();
    return result;
}

}  // namespace meetlink::config
