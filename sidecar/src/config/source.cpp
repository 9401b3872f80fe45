#include "config/source.hpp"

#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/secret_file.hpp"
#include "base/text.hpp"

namespace meetlink::config {
namespace {

constexpr std::string_view file_suffix = "_file";

/// A key as written: the setting, and whether it names the file that holds the value.
struct Match {
    const Setting* setting = nullptr;
    bool file = false;
};

std::optional<Match> match(std::string_view section, std::string_view key)
{
    if (const Setting* setting = find_setting(section, key)) {
        return Match{setting, false};
    }
    if (key.ends_with(file_suffix)) {
        key.remove_suffix(file_suffix.size());
        const Setting* setting = find_setting(section, key);
        if (setting != nullptr && setting->from_file()) {
            return Match{setting, true};
        }
    }
    return std::nullopt;
}

std::vector<std::string> section_names()
{
    std::set<std::string> names;
    for (const Setting& setting : settings()) {
        names.emplace(setting.section);
    }
    return {names.begin(), names.end()};
}

std::string did_you_mean(std::string_view name, std::span<const std::string> known)
{
    const std::string near = nearest(name, known);
    if (!near.empty()) {
        return "did you mean " + near + "?";
    }
    return "meetlinkd --print-config-reference lists every key";
}

std::string where(const std::filesystem::path& path, const toml::source_region& source)
{
    return path.string() + ":" + std::to_string(source.begin.line);
}

/// Moves a string out of the parsed document, so that no secret stays behind in it.
Secret take(toml::value<std::string>& text)
{
    Secret result(text.get());
    cleanse(text.get());
    return result;
}

RawValue take(toml::node& node)
{
    RawValue raw;
    if (auto* text = node.as_string()) {
        raw.shape = Shape::string;
        raw.items.push_back(take(*text));
    } else if (const auto* integer = node.as_integer()) {
        raw.shape = Shape::integer;
        raw.items.emplace_back(std::to_string(integer->get()));
    } else if (const auto* number = node.as_floating_point()) {
        raw.shape = Shape::number;
        raw.items.emplace_back(number_text(number->get()));
    } else if (auto* list = node.as_array();
               list != nullptr && (list->empty() || list->is_homogeneous<std::string>())) {
        raw.shape = Shape::list;
        for (toml::node& item : *list) {
            raw.items.push_back(take(*item.as_string()));
        }
    } else {
        raw.shape = Shape::other;
    }
    return raw;
}

void read_section(const std::filesystem::path& path, std::string_view section, toml::table& table,
                  Source& source)
{
    std::vector<std::string> known;
    for (const Setting& setting : settings()) {
        if (setting.section == section) {
            known.push_back(setting.name());
        }
    }
    for (auto&& [key, node] : table) {
        const std::string name = std::string(section).append(1, '.').append(key.str());
        const std::string at = where(path, node.source());
        const auto found = match(section, key.str());
        if (!found) {
            source.errors.push_back(
                {at, "unknown key " + one_line(name), did_you_mean(name, known)});
            continue;
        }
        Pair& pair = source.given[found->setting];
        (found->file ? pair.file : pair.value) = Given{take(node), Origin::file, at, name};
    }
}

}  // namespace

Environment current_environment()
{
    Environment result;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const std::size_t equals = text.find('=');
        if (equals != std::string_view::npos) {
            result.emplace(text.substr(0, equals), text.substr(equals + 1));
        }
    }
    return result;
}

Source read_file(const std::filesystem::path& path)
{
    Source source;
    auto content = read_secret_file(path);
    if (const auto* problem = std::get_if<std::string>(&content)) {
        source.errors.push_back(
            {path.string(), "configuration file cannot be read: " + *problem, ""});
        return source;
    }
    toml::table document;
    try {
        document = toml::parse(std::get<SecretFile>(content).content.reveal(), path.string());
    } catch (const toml::parse_error& error) {
        source.errors.push_back(
            {where(path, error.source()), "not valid TOML: " + one_line(error.description()), ""});
        return source;
    }
    const std::vector<std::string> sections = section_names();
    for (auto&& [key, node] : document) {
        const std::string at = where(path, node.source());
        if (std::ranges::find(sections, key.str()) == sections.end()) {
            const bool section = node.is_table();
            source.errors.push_back(
                {at, (section ? "unknown section " : "unknown key ") + one_line(key.str()),
                 section ? did_you_mean(key.str(), sections)
                         : "every key belongs to a section, such as [sidecar]"});
        } else if (toml::table* table = node.as_table()) {
            read_section(path, key.str(), *table, source);
        } else {
            source.errors.push_back({at, one_line(key.str()) + " is a section, not a key",
                                     "write [" + std::string(key.str()) + "]"});
        }
    }
    const bool inline_secret = std::ranges::any_of(source.given, [](const auto& item) {
        return item.first->secret() && item.second.value.origin != Origin::none;
    });
    if (inline_secret && std::get<SecretFile>(content).world_readable) {
        source.warnings.push_back({path.string(),
                                   "configuration file holds secrets and every user can read it",
                                   "chmod o-r, or keep the secrets in files of their own"});
    }
    return source;
}

Source read_environment(const Environment& environment)
{
    constexpr std::string_view prefix = "MEETLINK_";
    Source source;
    std::vector<std::string> known;
    std::map<std::string, Match, std::less<>> names;
    for (const Setting& setting : settings()) {
        known.push_back(setting.environment_name());
        names.emplace(known.back(), Match{&setting, false});
        if (setting.from_file()) {
            names.emplace(known.back() + "_FILE", Match{&setting, true});
        }
    }
    for (auto it = environment.lower_bound(prefix);
         it != environment.end() && it->first.starts_with(prefix); ++it) {
        const auto& [name, text] = *it;
        const auto found = names.find(name);
        if (found == names.end()) {
            source.warnings.push_back({"environment",
                                       "unknown variable " + one_line(name) + " is ignored",
                                       did_you_mean(name, known)});
            continue;
        }
        const auto [setting, file] = found->second;
        RawValue raw;
        if (setting->list() && !file) {
            for (const std::string_view item : split_list(text)) {
                raw.items.emplace_back(item);
            }
        } else {
            raw.items.emplace_back(std::string_view{text});
        }
        Pair& pair = source.given[setting];
        (file ? pair.file : pair.value) =
            Given{std::move(raw), Origin::environment, "environment", name};
    }
    return source;
}

}  // namespace meetlink::config
