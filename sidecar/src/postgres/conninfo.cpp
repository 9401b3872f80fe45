#include "postgres/conninfo.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <sstream>

namespace meetlink::postgres {

namespace {

using Options = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

constexpr std::array<std::pair<const char*, const char*>, 6> defaults{{
    {"connect_timeout", "10"},
    {"keepalives_idle", "10"},
    {"keepalives_interval", "5"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "20000"},
    {"client_encoding", "UTF8"},
}};

std::map<std::string, std::string> values(const PQconninfoOption* options)
{
    std::map<std::string, std::string> found;
    for (const auto* option = options; option && option->keyword; ++option) {
        if (option->val) {
            found[option->keyword] = option->val;
        }
    }
    return found;
}

std::vector<std::string> split(const std::string& list)
{
    std::vector<std::string> parts;
    std::stringstream stream{list};
    for (std::string part; std::getline(stream, part, ',');) {
        parts.push_back(part);
    }
    return parts;
}

/// Element `index` of a comma-separated list; one element stands for all.
std::string element(const std::vector<std::string>& list, std::size_t index)
{
    if (list.empty()) {
        return {};
    }
    return list.size() == 1 ? list.front() : list.at(std::min(index, list.size() - 1));
}

}  // namespace

std::variant<std::vector<Keywords>, std::string> servers(const Conninfo& conninfo)
{
    char* problem = nullptr;
    const Options given{PQconninfoParse(conninfo.text.c_str(), &problem), &PQconninfoFree};
    if (!given) {
        std::string text = problem ? problem : "out of memory";
        PQfreemem(problem);
        while (text.ends_with('\n')) {
            text.pop_back();
        }
        return text;
    }
    const auto explicitly = values(given.get());
    const Options fallback{PQconndefaults(), &PQconninfoFree};
    const auto environment = values(fallback.get());
    const auto value = [&](const std::string& keyword) {
        const auto own = explicitly.find(keyword);
        if (own != explicitly.end()) {
            return own->second;
        }
        const auto inherited = environment.find(keyword);
        return inherited != environment.end() ? inherited->second : std::string{};
    };

    Keywords common{{"dbname", conninfo.text}};  // expanded by libpq; later keywords win
    for (const auto& [keyword, text] : defaults) {
        // libpq has no default of its own for these, so an inherited value was set by somebody
        if (value(keyword).empty() || keyword == std::string_view{"client_encoding"}) {
            common.emplace_back(keyword, text);
        }
    }
    if (value("application_name").empty()) {
        common.emplace_back("application_name", conninfo.application_name);
    }

    const auto hosts = split(value("host"));
    const auto addresses = split(value("hostaddr"));
    const auto ports = split(value("port"));
    const auto count = std::max<std::size_t>({hosts.size(), addresses.size(), 1});
    std::vector<Keywords> all;
    for (std::size_t index = 0; index < count; ++index) {
        auto one = common;
        if (count > 1) {
            one.emplace_back("host", element(hosts, index));
            one.emplace_back("hostaddr", element(addresses, index));
            one.emplace_back("port", element(ports, index));
        }
        all.push_back(std::move(one));
    }
    return all;
}

std::string describe(const Conninfo& conninfo)
{
    const Options given{PQconninfoParse(conninfo.text.c_str(), nullptr), &PQconninfoFree};
    const Options fallback{PQconndefaults(), &PQconninfoFree};
    auto known = values(fallback.get());
    for (auto& [keyword, text] : values(given.get())) {
        known[keyword] = text;
    }
    std::string text;
    for (const auto* keyword : {"host", "port", "dbname", "user"}) {
        const auto found = known.find(keyword);
        if (found != known.end() && !found->second.empty()) {
            text += (text.empty() ? "" : " ") + std::string{keyword} + "=" + found->second;
        }
    }
    return text;
}

}  // namespace meetlink::postgres
