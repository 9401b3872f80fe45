// The pure parts of the libpq layer: backoff, connection strings, answers. Real connections are proved
// by the end-to-end tests.
#include <gtest/gtest.h>

#include <cstdlib>

#include "postgres/backoff.hpp"
#include "postgres/conninfo.hpp"
#include "postgres/error.hpp"
#include "postgres/rows.hpp"

namespace meetlink::postgres {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, GrowsToItsCapAndStartsAnewAfterASuccess)
{
    Backoff least{100ms, 1000ms, [] { return 0.0; }};
    for (const auto delay : {50ms, 100ms, 200ms, 400ms, 500ms, 500ms}) {
        EXPECT_EQ(least.next(), delay);
    }
    EXPECT_EQ(least.attempts(), 6);
    least.reset();
    EXPECT_EQ(least.next(), 50ms);

    Backoff most{100ms, 1000ms, [] { return 0.999999; }};
    EXPECT_NEAR(static_cast<double>(most.next().count()), 100, 1);
    for (int i = 0; i < 100; ++i) {
        EXPECT_LE(most.next(), 1000ms);
    }
}

std::string value(const Keywords& keywords, const std::string& keyword)
{
    std::string found;
    for (const auto& [name, text] : keywords) {
        if (name == keyword) {
            found = text;  // libpq: the last one counts
        }
    }
    return found;
}

std::vector<Keywords> parsed(const std::string& text)
{
    return std::get<std::vector<Keywords>>(
        servers({.text = text, .application_name = "meetlinkd x"}));
}

TEST(Conninfo, AddsItsDefaultsUnlessTheyAreSet)
{
    const auto plain = parsed("host=db");
    ASSERT_EQ(plain.size(), 1u);
    EXPECT_EQ(value(plain[0], "connect_timeout"), "10");
    EXPECT_EQ(value(plain[0], "keepalives_idle"), "10");
    EXPECT_EQ(value(plain[0], "tcp_user_timeout"), "20000");
    EXPECT_EQ(value(plain[0], "application_name"), "meetlinkd x");

    const auto chosen = parsed("postgresql://db/app?connect_timeout=3&application_name=mine");
    EXPECT_EQ(value(chosen[0], "connect_timeout"), "");
    EXPECT_EQ(value(chosen[0], "application_name"), "");
}

TEST(Conninfo, EachServerHasItsOwnTurn)
{
    const auto all = parsed("host=db1,db2 port=5432,5433 target_session_attrs=read-write");
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(value(all[1], "host"), "db2");
    EXPECT_EQ(value(all[1], "port"), "5433");
    const auto one_port = parsed("host=db1,db2 port=6000");
    EXPECT_EQ(value(one_port[1], "port"), "6000") << "one port stands for all";
}

TEST(Conninfo, SaysWhatIsWrongAndNeverShowsThePassword)
{
    const auto wrong = servers({.text = "hots=db", .application_name = ""});
    ASSERT_TRUE(std::holds_alternative<std::string>(wrong));
    EXPECT_NE(std::get<std::string>(wrong).find("hots"), std::string::npos);
    const auto shown = describe({.text = "host=db user=u password=hush", .application_name = ""});
    EXPECT_NE(shown.find("host=db"), std::string::npos);
    EXPECT_EQ(shown.find("hush"), std::string::npos);
}

/// One row: yes (t), number (42), text (null).
Rows one_row()
{
    PGresult* result = PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK);
    const auto column = [](const char* name) {
        return PGresAttDesc{const_cast<char*>(name), 0, 0, 0, 25, -1, -1};
    };
    PGresAttDesc columns[] = {column("yes"), column("number"), column("text")};
    PQsetResultAttrs(result, 3, columns);
    PQsetvalue(result, 0, 0, const_cast<char*>("t"), 1);
    PQsetvalue(result, 0, 1, const_cast<char*>("42"), 2);
    PQsetvalue(result, 0, 2, nullptr, -1);
    return Rows{result};
}

TEST(Rows, ReadsTypesAndNulls)
{
    const auto rows = one_row();
    const auto row = rows.only();
    EXPECT_TRUE(row.get<bool>("yes"));
    EXPECT_EQ(row.get<std::int64_t>("number"), 42);
    EXPECT_EQ(row.get<double>("number"), 42.0);
    EXPECT_EQ(row.get<std::string>("number"), "42");
    EXPECT_EQ(row.get<std::chrono::sys_seconds>("number").time_since_epoch(), 42s);
    EXPECT_EQ(row.get<std::optional<std::string>>("text"), std::nullopt);
    EXPECT_EQ(row.get<std::optional<int>>("number"), 42);
}

TEST(Rows, AnAnswerOfAnotherShapeIsAnErrorThatNamesTheColumn)
{
    const auto rows = one_row();
    const auto row = rows.only();
    const auto complaint = [](auto&& read) -> std::string {
        try {
            read();
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "nothing";
    };
    EXPECT_EQ(complaint([&] { (void)row.get<int>("missing"); }),
              "database answer: column missing is missing");
    EXPECT_EQ(complaint([&] { (void)row.get<std::string>("text"); }),
              "database answer: column text is null");
    EXPECT_EQ(complaint([&] { (void)row.get<int>("yes"); }),
              "database answer: column yes is not an integer");
    EXPECT_EQ(complaint([&] { (void)row.get<bool>("number"); }),
              "database answer: column number is not a boolean");
    EXPECT_EQ(complaint([&] { (void)Rows{}.only(); }),
              "database answer: 0 rows where one is promised");
}

TEST(Rows, ArraysAreQuoted)
{
    EXPECT_EQ(array_literal(std::vector<std::string>{}), "{}");
    EXPECT_EQ(array_literal(std::vector<std::string>{"a", "b\"c\\d,e"}), R"({"a","b\"c\\d,e"})");
    EXPECT_EQ(array_literal(std::vector<std::int64_t>{1, 2}), "{1,2}");
}

TEST(Error, ShowsTheDetailOfOurOwnErrorsOnly)
{
    Error error;
    error.message = "duplicate key";
    error.detail = "Key (token)=(hush) already exists.";
    error.hint = "Try again.";
    error.sqlstate = "23505";
    EXPECT_EQ(error.describe(), "duplicate key (SQLSTATE 23505); hint: Try again.");
    error.sqlstate = "ML001";
    EXPECT_NE(error.describe().find("detail:"), std::string::npos);
}

}  // namespace
}  // namespace meetlink::postgres
