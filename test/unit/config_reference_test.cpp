// What is written about the configuration is true: the sample shows the defaults and names every key,
// README.md contains the reference as the daemon prints it.

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <string>

#include "config/load.hpp"
#include "config/report.hpp"
#include "config/value.hpp"

namespace meetlink::config {
namespace {

std::string content(const std::string& path)
{
    std::ifstream file(path);
    EXPECT_TRUE(file) << path;
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The sample with its examples switched on: a line `#key = value` loses its "#".
std::string switched_on(const std::string& sample)
{
    return std::regex_replace(sample, std::regex("(^|\n)#([a-z_]+ = )"), "$1$2");
}

Source read_text(const std::string& name, const std::string& text)
{
    const std::string path = testing::TempDir() + name;
    std::ofstream(path) << text;
    Source source = read_file(path);
    std::remove(path.c_str());
    return source;
}

TEST(SampleConfig, SaysNothingSoThatEverythingIsDefault)
{
    const Source source = read_file(MEETLINK_SAMPLE_CONFIG);
    EXPECT_TRUE(source.given.empty());
    EXPECT_TRUE(source.errors.empty()) << render("error", source.errors);
}

TEST(SampleConfig, NamesEveryKeyOnceAndNoOther)
{
    const Source source = read_text("sample_on.toml", switched_on(content(MEETLINK_SAMPLE_CONFIG)));
    EXPECT_TRUE(source.errors.empty()) << render("error", source.errors);
    for (const Setting& setting : settings()) {
        EXPECT_TRUE(source.given.contains(&setting)) << setting.name() << " is not in the sample";
    }
}

TEST(SampleConfig, ShowsTheDefaults)
{
    const Source source =
        read_text("sample_defaults.toml", switched_on(content(MEETLINK_SAMPLE_CONFIG)));
    const Config expected = defaults();
    for (const auto& [setting, pair] : source.given) {
        if (setting->default_text.empty()) {
            continue;  // the sample gives an example
        }
        Config config;
        const auto problem = assign(*setting, pair.value.value, config);
        EXPECT_FALSE(problem) << setting->name() << " " << problem->message;
        EXPECT_EQ(show(*setting, config), show(*setting, expected)) << setting->name();
    }
}

TEST(SampleConfig, SaysTheRangeOfEachNumber)
{
    const std::string sample = content(MEETLINK_SAMPLE_CONFIG);
    for (const Setting& setting : settings()) {
        const std::string type = setting.type_text();
        std::smatch range;
        if (std::regex_match(type, range, std::regex("[a-z]+, (.*) to (.*)"))) {
            const bool duration = type.starts_with("duration");
            const std::string quote = duration ? "\"" : "";
            const std::string text =
                quote + range[1].str() + quote + " to " + quote + range[2].str() + quote;
            EXPECT_NE(sample.find(text), std::string::npos) << setting.name() << ": " << text;
        }
    }
}

TEST(Readme, ContainsTheReferenceOfEveryKey)
{
    if (!std::ifstream(MEETLINK_README)) {
        GTEST_SKIP() << "README.md does not exist yet: nothing to compare the reference with";
    }
    const std::string readme = content(MEETLINK_README);
    std::string missing;
    for (const Setting& setting : settings()) {
        if (readme.find(reference_row(setting)) == std::string::npos) {
            missing += reference_row(setting) + '\n';
        }
    }
    EXPECT_EQ(missing, "")
        << "README.md lacks these rows, or states them differently; put the output "
           "of `build/meetlinkd --print-config-reference` into it";
}

TEST(SystemdUnit, NamesVariablesAndStatusThatExist)
{
    const std::string unit = content(MEETLINK_SYSTEMD_UNIT);
    Environment environment;
    const std::regex variable("\n#?Environment=(MEETLINK_[A-Z_]+)=");
    for (auto it = std::sregex_iterator(unit.begin(), unit.end(), variable);
         it != std::sregex_iterator(); ++it) {
        environment.emplace((*it)[1], "/some/file");
    }
    EXPECT_GE(environment.size(), 5U);
    EXPECT_TRUE(read_environment(environment).warnings.empty());
    EXPECT_NE(unit.find("RestartPreventExitStatus=2"), std::string::npos);
}

}  // namespace
}  // namespace meetlink::config
