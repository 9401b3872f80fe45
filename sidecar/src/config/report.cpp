#include "config/report.hpp"

#include <algorithm>

#include "config/value.hpp"

namespace meetlink::config {

std::string render(std::string_view severity, std::span<const Problem> problems)
{
    std::string out;
    for (const Problem& problem : problems) {
        out.append(severity).append(": ");
        if (!problem.where.empty()) {
            out += problem.where + ": ";
        }
        out += problem.message + '\n';
        if (!problem.hint.empty()) {
            out += "  hint: " + problem.hint + '\n';
        }
    }
    return out;
}

std::string effective_values(const Loaded& loaded)
{
    constexpr std::size_t name_width = 26;
    std::string out;
    for (const Setting& setting : settings()) {
        const auto origin = loaded.origins.find(&setting);
        std::string line = setting.name();
        line.resize(std::max(name_width, line.size() + 1), ' ');
        line += "= " + show(setting, loaded.config);
        line += "  # " + (origin == loaded.origins.end() ? "default" : origin->second);
        out += line + '\n';
    }
    return out;
}

std::string reference_row(const Setting& setting)
{
    std::string row = "| `" + setting.name() + "` | " + setting.type_text();
    if (setting.from_file()) {
        row += "; also `" + std::string(setting.key) + "_file`";
    }
    const std::string value = setting.default_for_people();
    const bool literal = !setting.default_text.empty() || value == "\"\"";
    row += " | " + (literal ? "`" + value + "`" : value);
    return row + " | " + std::string(setting.doc) + " |";
}

std::string reference()
{
    std::string out = "| key | type | default | |\n| --- | --- | --- | --- |\n";
    for (const Setting& setting : settings()) {
        out += reference_row(setting) + '\n';
    }
    return out;
}

}  // namespace meetlink::config
