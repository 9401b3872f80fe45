#include "config/load.hpp"

#include <unistd.h>

#include <array>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "base/secret_file.hpp"
#include "config/check.hpp"
#include "config/value.hpp"

namespace meetlink::config {
namespace {

constexpr const char* application_key_variable = "TOKEN_ENCRYPTION_KEY";  // APP.md "Ciphertext"

std::string host_name()
{
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') {
        return "meetlinkd";
    }
    return name.data();
}

/// A default is given as the environment would give it.
RawValue default_value(const Setting& setting)
{
    RawValue raw;
    if (setting.list()) {
        for (const std::string_view item : split_list(setting.default_text)) {
            raw.items.emplace_back(item);
        }
    } else {
        raw.items.emplace_back(setting.default_text);
    }
    return raw;
}

void take_lines(const Secret& content, std::vector<Secret>& items)
{
    for (std::string_view rest = content.reveal(); !rest.empty();) {
        const std::size_t end = rest.find('\n');
        std::string_view line = rest.substr(0, end);
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        if (!line.empty()) {
            items.emplace_back(line);
        }
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
}

class Loader {
public:
    Loader() : config_(defaults()) {}

    void add(Source source)
    {
        std::ranges::move(source.errors, std::back_inserter(errors_));
        std::ranges::move(source.warnings, std::back_inserter(warnings_));
        for (auto& [setting, pair] : source.given) {
            if (pair.value.origin != Origin::none && pair.file.origin != Origin::none) {
                errors_.push_back({pair.file.where,
                                   "both " + pair.value.given_name + " and " +
                                       pair.file.given_name + " are given",
                                   "keep one of them"});
            }
            given_.insert_or_assign(setting, std::move(pair));
        }
    }

    void use_application_key(const Environment& environment)
    {
        const Setting* setting = find_setting("tokens", "encryption_key");
        const auto found = environment.find(application_key_variable);
        if (found != environment.end() && !given_.contains(setting)) {
            RawValue raw;
            raw.items.emplace_back(std::string_view{found->second});
            given_[setting].value =
                Given{std::move(raw), Origin::environment, "environment", application_key_variable};
        }
    }

    std::variant<Loaded, Errors> finish()
    {
        for (const auto& [setting, pair] : given_) {
            if (pair.file.origin != Origin::none) {
                store_from_file(*setting, pair.file);
            } else {
                store(*setting, pair.value, pair.value.value);
            }
        }
        if (config_.sidecar.name.empty()) {
            config_.sidecar.name = host_name();
        }
        if (config_.http.conninfo.empty()) {
            config_.http.conninfo = config_.database.conninfo;
        }
        Findings findings = check(config_, [this](const Setting& setting) {
            return failed_.contains(&setting) ? std::optional<std::string>{}
                                              : std::optional{place(setting)};
        });
        std::ranges::move(findings.errors, std::back_inserter(errors_));
        std::ranges::move(findings.warnings, std::back_inserter(warnings_));
        if (!errors_.empty()) {
            return Errors{std::move(errors_), std::move(warnings_)};
        }
        return Loaded{std::move(config_), std::move(warnings_), std::move(origins_)};
    }

private:
    void fail(const Setting& setting, Problem problem)
    {
        failed_[&setting] = true;
        errors_.push_back(std::move(problem));
    }

    void store(const Setting& setting, const Given& given, const RawValue& raw)
    {
        if (const auto bad = assign(setting, raw, config_)) {
            fail(setting, {given.where, given.given_name + " " + bad->message, bad->hint});
            return;
        }
        const bool variable = given.origin == Origin::environment;
        origins_[&setting] = variable ? given.given_name : given.where;
        places_[&setting] = given.where;
    }

    void store_from_file(const Setting& setting, const Given& given)
    {
        const bool text = given.value.shape == Shape::text || given.value.shape == Shape::string;
        if (!text || given.value.items.at(0).empty()) {
            fail(setting, {given.where, given.given_name + " is not the path of a file", ""});
            return;
        }
        const std::string path(given.value.items.at(0).reveal());
        auto content = read_secret_file(path);
        if (const auto* problem = std::get_if<std::string>(&content)) {
            fail(setting, {given.where,
                           given.given_name + " names the file \"" + path +
                               "\", which cannot be read: " + *problem,
                           ""});
            return;
        }
        auto& file = std::get<SecretFile>(content);
        if (file.world_readable) {
            warnings_.push_back(
                {given.where,
                 given.given_name + " names the file \"" + path + "\", which every user can read",
                 "chmod o-r " + path});
        }
        RawValue raw;
        if (setting.list()) {
            take_lines(file.content, raw.items);
        } else {
            raw.items.push_back(std::move(file.content));
        }
        store(setting, given, raw);
    }

    [[nodiscard]] std::string place(const Setting& setting) const
    {
        const auto found = places_.find(&setting);
        return found == places_.end() ? std::string{} : found->second;
    }

    Config config_;
    std::map<const Setting*, Pair> given_;
    std::map<const Setting*, bool> failed_;
    std::map<const Setting*, std::string> places_;
    std::map<const Setting*, std::string> origins_;
    std::vector<Problem> errors_;
    std::vector<Problem> warnings_;
};

}  // namespace

Config defaults()
{
    Config config;
    for (const Setting& setting : settings()) {
        if (setting.default_text.empty()) {
            continue;  // empty, as it is
        }
        if (const auto bad = assign(setting, default_value(setting), config)) {
            throw std::logic_error("default of " + setting.name() + " " + bad->message);
        }
    }
    config.sidecar.name = host_name();
    return config;
}

std::variant<Loaded, Errors> load(const std::optional<std::filesystem::path>& file,
                                  const Environment& environment)
{
    Loader loader;
    if (file) {
        loader.add(read_file(*file));
    }
    loader.add(read_environment(environment));
    loader.use_application_key(environment);
    return loader.finish();
}

}  // namespace meetlink::config
