#include "postgres/session.hpp"

#include "log/log.hpp"

namespace meetlink::postgres {

namespace asio = boost::asio;

Session::Session(asio::any_io_executor executor, std::string name, Conninfo conninfo)
    : executor_(executor),
      name_(std::move(name)),
      conninfo_(std::move(conninfo)),
      changed_(executor)
{
}

Session& Session::self_or_first()
{
    auto* session = this;
    while (!connected() && session->leader_ != nullptr) {
        session = session->leader_;
    }
    return *session;
}

asio::awaitable<std::optional<Error>> Session::open()
{
    auto opened = co_await Connection::open(executor_, conninfo_, on_notify_);
    if (!opened) {
        co_return opened.error();
    }
    const auto connection = *opened;
    if (on_connect_) {
        if (auto error = co_await on_connect_(*connection)) {
            connection->close("it cannot be used");
            co_return error;
        }
    }
    if (stopped_) {
        connection->close("the daemon stops");
        co_return Error::lost("the daemon stops", false);
    }
    connection_ = connection;
    server_version_ = connection->server_version();
    changed_.notify_all();
    co_return std::nullopt;
}

asio::awaitable<void> Session::run()
{
    Backoff backoff;
    while (!stopped_) {
        if (connected()) {
            const auto connection = connection_;
            const auto end = co_await connection->closed();
            if (!stopped_) {
                log::warning("database_connection_lost", "lost a database connection",
                             {{"session", name_}, {"error", end.describe()}});
            }
        } else if (auto* const leader = leader_without_connection()) {
            if (!co_await leader->until_connected()) {
                co_return;  // that one was stopped
            }
        } else if (const auto error = co_await open()) {
            const auto delay = backoff.next();
            if (!stopped_) {
                log::warning("database_connect_failed", "could not connect to the database",
                             {{"session", name_},
                              {"error", error->describe()},
                              {"attempt", backoff.attempts()},
                              {"next_in_ms", delay.count()}});
                const auto until = Condition::Clock::now() + delay;
                bool woken = true;
                while (!stopped_ && woken) {
                    woken = co_await changed_.wait_until(until);
                }
            }
        } else {
            if (backoff.attempts() > 0) {
                log::info("database_reconnected", "connected to the database again",
                          {{"session", name_}, {"attempts", backoff.attempts() + 1}});
            }
            backoff.reset();
            // while this one was opened
            if (leader_without_connection() != nullptr) {
                replace("one that it follows has lost its connection");
            }
        }
    }
}

/// The first of them, in the order in which they open; null: all have one.
Session* Session::leader_without_connection() const
{
    Session* first = nullptr;
    for (auto* leader = leader_; leader != nullptr; leader = leader->leader_) {
        first = leader->connected() ? first : leader;
    }
    return first;
}

void Session::stop()
{
    stopped_ = true;
    replace("the daemon stops");
    changed_.notify_all();
}

void Session::replace(std::string_view why)
{
    if (connected()) {
        connection_->close(why);
    }
}

asio::awaitable<Answer> Session::query(Statement statement, std::vector<Parameter> parameters)
{
    const auto connection = connection_;  // keeps it alive while waiting
    if (!connection) {
        co_return Error::lost("not connected to the database", false);
    }
    auto answer = co_await connection->query(statement, std::move(parameters));
    if (!answer && answer.error().unknown_object() && on_unknown_object_) {
        on_unknown_object_();
    }
    co_return answer;
}

asio::awaitable<bool> Session::until_connected(Condition::Clock::time_point deadline)
{
    bool woken = true;
    while (!connected() && !stopped_ && woken) {
        woken = co_await changed_.wait_until(deadline);
    }
    co_return connected();
}

asio::awaitable<Answer> Session::query_until_answered(Statement statement,
                                                      std::vector<Parameter> parameters)
{
    for (;;) {
        auto& session = self_or_first();
        if (!co_await session.until_connected()) {
            co_return Error::lost("the daemon stops", false);
        }
        auto answer = co_await session.query(statement, parameters);
        if (answer || !answer.error().connection_lost) {
            co_return answer;
        }
    }
}

}  // namespace meetlink::postgres
