#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <variant>
#include <vector>

#include "base/condition.hpp"
#include "postgres/connection.hpp"

namespace meetlink::web {

/// A few database connections for HTTP requests, opened when needed. A request waits its turn in a
/// bounded queue for a bounded time: callers who wait for outcomes must not pile up here.
class Pool {
public:
    struct Options {
        std::size_t connections = 8;
        std::size_t queue = 64;
        std::chrono::milliseconds patience{5'000};
    };

    /// A connection for one request alone. Goes back to the pool if it is `clean` at the end, and is
    /// closed otherwise: a transaction may still be open on it.
    class Loan {
    public:
        Loan(Pool& pool, std::shared_ptr<postgres::Connection> connection)
            : pool_(&pool), connection_(std::move(connection))
        {
        }
        Loan(Loan&& other) noexcept
            : pool_(other.pool_), connection_(std::move(other.connection_)), clean(other.clean)
        {
        }
        Loan& operator=(Loan&&) = delete;
        ~Loan();

        [[nodiscard]] postgres::Connection& operator*() const { return *connection_; }
        [[nodiscard]] postgres::Connection* operator->() const { return connection_.get(); }

    private:
        Pool* pool_;
        std::shared_ptr<postgres::Connection> connection_;

    public:
        bool clean = false;
    };

    /// Nobody's turn came in time, or too many wait already.
    struct Busy {};
    using Outcome = std::variant<Loan, Busy, postgres::Error>;

    Pool(boost::asio::any_io_executor executor, postgres::Conninfo conninfo, Options options);

    [[nodiscard]] boost::asio::awaitable<Outcome> borrow();
    /// Ends every connection; statements under way fail.
    void stop();

private:
    [[nodiscard]] boost::asio::awaitable<bool> turn();
    void give_back(std::shared_ptr<postgres::Connection> connection, bool clean) noexcept;

    boost::asio::any_io_executor executor_;
    postgres::Conninfo conninfo_;
    Options options_;
    std::vector<std::shared_ptr<postgres::Connection>> idle_;
    std::vector<std::weak_ptr<postgres::Connection>> lent_;
    std::size_t taken_ = 0;  ///< turns, not connections: one may be opening
    std::size_t waiting_ = 0;
    bool stopped_ = false;
    Condition freed_;
};

}  // namespace meetlink::web
