#include "web/query.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "web/answers.hpp"
#include "web/retry_request.hpp"

namespace meetlink::web {

std::optional<std::string> percent_decode(std::string_view text)
{
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        const auto byte = i + 2 < text.size() ? unhex(text.substr(i + 1, 2)) : std::nullopt;
        if (!byte) {
            return std::nullopt;
        }
        decoded += *byte;
        i += 2;
    }
    return one_line(decoded) == decoded ? std::optional{decoded} : std::nullopt;
}

std::optional<std::string> segment_after(std::string_view path, std::string_view prefix)
{
    if (!path.starts_with(prefix) || path.size() == prefix.size() ||
        path.find('/', prefix.size()) != std::string_view::npos) {
        return std::nullopt;
    }
    auto id = percent_decode(path.substr(prefix.size()));
    return id && id->size() <= max_session_id ? id : std::nullopt;
}

std::variant<Query, Answer> Query::parse(std::string_view target,
                                         std::initializer_list<std::string_view> known,
                                         std::string_view repeatable)
{
    Query query;
    const auto mark = target.find('?');
    auto rest = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
    while (!rest.empty()) {
        const auto end = std::min(rest.find('&'), rest.size());
        const auto one = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        const auto equals = std::min(one.find('='), one.size());
        const auto name = one.substr(0, equals);
        const auto value = percent_decode(one.substr(std::min(equals + 1, one.size())));
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            return bad_parameter("There is a parameter that is not known here.");
        }
        if (!value || value->size() > 2 * max_session_id) {
            return bad_parameter("The parameter " + std::string{name} + " is malformed.");
        }
        if (name != repeatable && query.text(name)) {
            return bad_parameter("The parameter " + std::string{name} + " is given twice.");
        }
        query.parameters_.emplace_back(name, *value);
    }
    return query;
}

std::optional<std::string> Query::text(std::string_view name) const
{
    for (const auto& [key, value] : parameters_) {
        if (key == name) {
            return value;
        }
    }
    return std::nullopt;
}

std::vector<std::string> Query::texts(std::string_view name) const
{
    std::vector<std::string> values;
    for (const auto& [key, value] : parameters_) {
        if (key == name) {
            values.push_back(value);
        }
    }
    return values;
}

std::optional<int> Query::count(std::string_view name, int otherwise, int most) const
{
    const auto given = text(name);
    if (!given) {
        return otherwise;
    }
    int value = 0;
    const char* end = given->data() + given->size();
    const auto [rest, error] = std::from_chars(given->data(), end, value);
    if (error != std::errc{} || rest != end || value < 1 || value > most) {
        return std::nullopt;
    }
    return value;
}

Answer bad_parameter(std::string_view details)
{
    return problem(400, "Bad request", details);
}

}  // namespace meetlink::web
