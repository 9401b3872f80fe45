#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace meetlink::postgres {

namespace detail {
// Each throws std::runtime_error, naming the column, for text that is no such value.
[[nodiscard]] bool to_bool(std::string_view column, std::string_view text);
[[nodiscard]] std::int64_t to_integer(std::string_view column, std::string_view text,
                                      std::int64_t least, std::int64_t greatest);
[[nodiscard]] double to_number(std::string_view column, std::string_view text);
template <typename T>
inline constexpr bool is_optional = false;
template <typename T>
inline constexpr bool is_optional<std::optional<T>> = true;
}  // namespace detail

/// One row of an answer; lives no longer than its Rows.
class Row {
public:
    Row(const PGresult* result, int row) : result_(result), row_(row) {}

    /// The column as bool, an integer type, double, std::string, std::chrono::sys_seconds (selected as
    /// whole seconds since 1970), or std::optional of one of them for a column that may be null.
    /// Throws std::runtime_error when the answer does not have the shape that the statement promises.
    template <typename T>
    [[nodiscard]] T get(std::string_view column) const
    {
        const auto text = find(column);
        if constexpr (detail::is_optional<T>) {
            return text ? T{convert<typename T::value_type>(column, *text)} : T{};
        } else {
            return convert<T>(column, required(column, text));
        }
    }

private:
    [[nodiscard]] std::optional<std::string_view> find(std::string_view column) const;
    [[nodiscard]] static std::string_view required(std::string_view column,
                                                   std::optional<std::string_view> text);

    template <typename T>
    [[nodiscard]] static T convert(std::string_view column, std::string_view text)
    {
        if constexpr (std::same_as<T, bool>) {
            return detail::to_bool(column, text);
        } else if constexpr (std::integral<T>) {
            return static_cast<T>(detail::to_integer(column, text, std::numeric_limits<T>::min(),
                                                     std::numeric_limits<T>::max()));
        } else if constexpr (std::floating_point<T>) {
            return detail::to_number(column, text);
        } else if constexpr (std::same_as<T, std::chrono::sys_seconds>) {
            return std::chrono::sys_seconds{
                std::chrono::seconds{convert<std::int64_t>(column, text)}};
        } else {
            return T{text};
        }
    }

    const PGresult* result_;
    int row_;
};

/// What a statement returned. Copies share it.
class Rows {
public:
    Rows() = default;
    /// Takes ownership.
    explicit Rows(PGresult* result) : result_(result, &PQclear) {}

    [[nodiscard]] std::size_t size() const
    {
        return result_ ? static_cast<std::size_t>(PQntuples(result_.get())) : 0;
    }
    [[nodiscard]] bool empty() const { return size() == 0; }
    [[nodiscard]] Row operator[](std::size_t row) const
    {
        return {result_.get(), static_cast<int>(row)};
    }
    /// The only row; throws std::runtime_error when there is not exactly one.
    [[nodiscard]] Row only() const;

private:
    std::shared_ptr<const PGresult> result_;
};

/// A parameter of a statement in text form; nothing for null.
using Parameter = std::optional<std::string>;

/// {a,b} as a PostgreSQL array literal, each element quoted.
template <typename Range>
[[nodiscard]] std::string array_literal(const Range& elements);

[[nodiscard]] std::string quoted_element(std::string_view element);

template <typename Range>
std::string array_literal(const Range& elements)
{
    std::string text = "{";
    for (const auto& element : elements) {
        if (text.size() > 1) {
            text += ',';
        }
        if constexpr (std::integral<std::remove_cvref_t<decltype(element)>>) {
            text += std::to_string(element);
        } else {
            text += quoted_element(element);
        }
    }
    return text + "}";
}

/// As PostgreSQL reads an interval.
[[nodiscard]] inline std::string interval(std::chrono::milliseconds time)
{
    return std::to_string(time.count()) + " ms";
}

}  // namespace meetlink::postgres
