#include "web/pool.hpp"

namespace meetlink::web {

namespace asio = boost::asio;

Pool::Loan::~Loan()
{
    if (connection_) {
        pool_->give_back(std::move(connection_), clean);
    }
}

Pool::Pool(asio::any_io_executor executor, postgres::Conninfo conninfo, Options options)
    : executor_(executor), conninfo_(std::move(conninfo)), options_(options), freed_(executor)
{
}

/// False: there was none in time.
asio::awaitable<bool> Pool::turn()
{
    const auto deadline = Condition::Clock::now() + options_.patience;
    if (taken_ >= options_.connections && waiting_ >= options_.queue) {
        co_return false;
    }
    ++waiting_;
    bool in_time = true;
    while (!stopped_ && taken_ >= options_.connections && in_time) {
        in_time = co_await freed_.wait_until(deadline);
    }
    --waiting_;
    if (stopped_ || taken_ >= options_.connections) {
        co_return false;
    }
    ++taken_;
    co_return true;
}

asio::awaitable<Pool::Outcome> Pool::borrow()
{
    const bool mine = co_await turn();
    if (!mine) {
        co_return Busy{};
    }
    std::shared_ptr<postgres::Connection> connection;
    while (!idle_.empty() && !connection) {
        connection = std::move(idle_.back());
        idle_.pop_back();
        if (!connection->alive()) {
            connection.reset();
        }
    }
    if (!connection) {
        auto opened = co_await postgres::Connection::open(executor_, conninfo_);
        if (!opened) {
            give_back(nullptr, false);
            co_return opened.error();
        }
        connection = std::move(*opened);
    }
    std::erase_if(lent_, [](const auto& one) { return one.expired(); });
    lent_.push_back(connection);
    co_return Loan{*this, std::move(connection)};
}

void Pool::give_back(std::shared_ptr<postgres::Connection> connection, bool clean) noexcept
{
    --taken_;
    if (connection && clean && !stopped_ && connection->alive()) {
        idle_.push_back(std::move(connection));
    } else if (connection) {
        connection->close("the request ended early");
    }
    freed_.notify_all();
}

void Pool::stop()
{
    stopped_ = true;
    for (const auto& connection : std::exchange(idle_, {})) {
        connection->close("the daemon stops");
    }
    for (const auto& one : std::exchange(lent_, {})) {
        if (const auto connection = one.lock()) {
            connection->close("the daemon stops");
        }
    }
    freed_.notify_all();
}

}  // namespace meetlink::web
