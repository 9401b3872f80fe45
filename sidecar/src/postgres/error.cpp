#include "postgres/error.hpp"

#include <algorithm>
#include <array>

namespace meetlink::postgres {

namespace {

std::string field(const PGresult* result, int code)
{
    const char* text = PQresultErrorField(result, code);
    return text ? text : "";
}

/// libpq's messages end in a newline and may have several lines, one per address it tried.
std::string one_line(std::string_view text)
{
    std::string line;
    for (const char c : text) {
        if (c == '\n' || c == '\t') {
            if (!line.empty() && line.back() != ' ') {
                line += ' ';
            }
        } else {
            line += c;
        }
    }
    while (!line.empty() && line.back() == ' ') {
        line.pop_back();
    }
    return line;
}

}  // namespace

Error Error::of(const PGresult* result)
{
    Error error{.message = one_line(field(result, PG_DIAG_MESSAGE_PRIMARY)),
                .detail = one_line(field(result, PG_DIAG_MESSAGE_DETAIL)),
                .hint = one_line(field(result, PG_DIAG_MESSAGE_HINT)),
                .sqlstate = field(result, PG_DIAG_SQLSTATE)};
    if (error.message.empty()) {
        error.message = one_line(PQresultErrorMessage(result));
    }
    return error;
}

Error Error::of(PGconn* connection)
{
    return {.message = one_line(PQerrorMessage(connection)), .connection_lost = true};
}

Error Error::lost(std::string message, bool outcome_unknown)
{
    return {
        .message = std::move(message), .connection_lost = true, .outcome_unknown = outcome_unknown};
}

bool Error::unknown_object() const
{
    // undefined_function, undefined_column, undefined_table, undefined_object, invalid_schema_name
    static constexpr std::array<std::string_view, 5> states{"42883", "42703", "42P01", "42704",
                                                            "3F000"};
    return std::find(states.begin(), states.end(), sqlstate) != states.end();
}

std::string Error::describe() const
{
    std::string text = message;
    if (!sqlstate.empty()) {
        text += " (SQLSTATE " + sqlstate + ")";
    }
    // the detail of other errors quotes rows, so possibly ciphertexts and names
    if (!detail.empty() && sqlstate.starts_with("ML")) {
        text += "; detail: " + detail;
    }
    if (!hint.empty()) {
        text += "; hint: " + hint;
    }
    return text;
}

}  // namespace meetlink::postgres
