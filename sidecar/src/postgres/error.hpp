#pragma once

#include <libpq-fe.h>

#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace meetlink::postgres {

/// Why a statement, or a connection, failed: answers what the caller asks rather than naming classes.
struct Error {
    std::string message{};  ///< one line, without the server's "ERROR:" prefix
    std::string detail{};   ///< may quote stored values: shown only where describe() does
    std::string hint{};
    std::string sqlstate{};        ///< five characters; empty when the server did not answer
    bool connection_lost = false;  ///< the connection is dead, a new one is needed
    bool outcome_unknown = false;  ///< the statement was sent and may have been carried out

    /// The statement names something that the database has not, or not so: another version of the extension.
    [[nodiscard]] bool unknown_object() const;

    /// "message (SQLSTATE 42501)", and hint and, for meetlink's own errors only, detail.
    [[nodiscard]] std::string describe() const;

    /// What the server said about a statement.
    [[nodiscard]] static Error of(const PGresult* result);
    /// What libpq says about a connection.
    [[nodiscard]] static Error of(PGconn* connection);
    [[nodiscard]] static Error lost(std::string message, bool outcome_unknown);
};

/// A value, or the reason why there is none.
template <typename T>
class [[nodiscard]] Expected {
public:
    Expected(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Expected(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] explicit operator bool() const { return state_.index() == 0; }
    [[nodiscard]] T& operator*() { return std::get<0>(state_); }
    [[nodiscard]] const T& operator*() const { return std::get<0>(state_); }
    [[nodiscard]] T* operator->() { return &std::get<0>(state_); }
    [[nodiscard]] const T* operator->() const { return &std::get<0>(state_); }
    [[nodiscard]] const Error& error() const { return std::get<1>(state_); }

private:
    std::variant<T, Error> state_;
};

}  // namespace meetlink::postgres
