// reason.hpp, the table meetlink.reason and README.md name the same reasons in the same order.

#include "reason.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace meetlink {
namespace {

/// Codes of the rows of sql/10_reason.sql: a row starts its line with ('code',
std::vector<std::string> codes_of_the_table()
{
    std::ifstream file(MEETLINK_REASON_SQL);
    EXPECT_TRUE(file) << MEETLINK_REASON_SQL;
    std::vector<std::string> codes;
    const std::regex row(R"(^\('([a-z_]+)',.*)");
    std::smatch match;
    for (std::string line; std::getline(file, line);) {
        if (std::regex_match(line, match, row)) {
            codes.push_back(match[1]);
        }
    }
    return codes;
}

TEST(Reason, HeaderAndTableAgree)
{
    const std::vector<std::string> header(reason_codes.begin(), reason_codes.end());
    EXPECT_EQ(codes_of_the_table(), header);
}

/// "code | title" of every row that `row` finds in a file, with SQL's doubled quotes undone.
std::vector<std::string> codes_and_titles(const char* path, const char* row)
{
    std::ifstream file(path);
    EXPECT_TRUE(file) << path;
    std::vector<std::string> found;
    std::smatch match;
    const std::regex pattern(row);
    for (std::string line; std::getline(file, line);) {
        if (std::regex_search(line, match, pattern)) {
            const std::string title = std::regex_replace(match[2].str(), std::regex("''"), "'");
            found.push_back(match[1].str() + " | " + title);
        }
    }
    return found;
}

TEST(Reason, ReadmeAndTableAgree)
{
    const auto table = codes_and_titles(MEETLINK_REASON_SQL, R"(^\('([a-z_]+)', +'(.*)',$)");
    const auto readme = codes_and_titles(
        MEETLINK_README, R"(^\| `([a-z_]+)` \| ([^|]+) \| (?:nobody|tutor|admin|oper|devel))");
    EXPECT_EQ(table.size(), reason_codes.size());
    EXPECT_EQ(readme, table);
}

TEST(Reason, ReadmeListsEveryAction)
{
    std::ifstream sql(MEETLINK_REASON_SQL);
    std::ifstream readme(MEETLINK_README);
    std::string row;
    while (std::getline(readme, row) && !row.starts_with("| `action` |")) {
    }
    const std::regex action(R"(^ '[a-z]+', '[a-z_]+', '[a-z]+', '[^']+', '([a-z_]+)',$)");
    std::size_t rows = 0;
    std::smatch match;
    for (std::string line; std::getline(sql, line);) {
        if (std::regex_match(line, match, action)) {
            ++rows;
            EXPECT_NE(row.find("`" + match[1].str() + "`"), std::string::npos) << match[1];
        }
    }
    EXPECT_EQ(rows, reason_codes.size());
}

TEST(Reason, CodeNamesTheEnumerator)
{
    EXPECT_EQ(code(Reason::no_connection), "no_connection");
    EXPECT_EQ(code(Reason::token_undecryptable), "token_undecryptable");
    EXPECT_EQ(code(Reason::session_over), "session_over");
}

}  // namespace
}  // namespace meetlink
