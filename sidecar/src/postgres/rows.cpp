#include "postgres/rows.hpp"

#include <charconv>
#include <stdexcept>

namespace meetlink::postgres {

namespace {

[[noreturn]] void mismatch(std::string_view column, std::string_view problem)
{
    throw std::runtime_error("database answer: column " + std::string{column} + " " +
                             std::string{problem});
}

}  // namespace

namespace detail {

bool to_bool(std::string_view column, std::string_view text)
{
    if (text != "t" && text != "f") {
        mismatch(column, "is not a boolean");
    }
    return text == "t";
}

std::int64_t to_integer(std::string_view column, std::string_view text, std::int64_t least,
                        std::int64_t greatest)
{
    std::int64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size()) {
        mismatch(column, "is not an integer");
    }
    if (value < least || value > greatest) {
        mismatch(column, "is out of range");
    }
    return value;
}

double to_number(std::string_view column, std::string_view text)
{
    double value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size()) {
        mismatch(column, "is not a number");
    }
    return value;
}

}  // namespace detail

std::optional<std::string_view> Row::find(std::string_view column) const
{
    const int number = PQfnumber(result_, std::string{column}.c_str());
    if (number < 0) {
        mismatch(column, "is missing");
    }
    if (PQgetisnull(result_, row_, number)) {
        return std::nullopt;
    }
    return std::string_view{PQgetvalue(result_, row_, number),
                            static_cast<std::size_t>(PQgetlength(result_, row_, number))};
}

std::string_view Row::required(std::string_view column, std::optional<std::string_view> text)
{
    if (!text) {
        mismatch(column, "is null");
    }
    return *text;
}

Row Rows::only() const
{
    if (size() != 1) {
        throw std::runtime_error("database answer: " + std::to_string(size()) +
                                 " rows where one is promised");
    }
    return (*this)[0];
}

std::string quoted_element(std::string_view element)
{
    std::string text = "\"";
    for (const char c : element) {
        if (c == '"' || c == '\\') {
            text += '\\';
        }
        text += c;
    }
    return text + '"';
}

}  // namespace meetlink::postgres
