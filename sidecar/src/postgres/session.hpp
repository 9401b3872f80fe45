#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/condition.hpp"
#include "postgres/backoff.hpp"
#include "postgres/connection.hpp"

namespace meetlink::postgres {

/// A connection that is opened again, with backoff, whenever it dies, until stop().
class Session {
public:
    /// Runs on each new connection before anybody else may use it; an error drops the connection.
    using OnConnect = std::function<boost::asio::awaitable<std::optional<Error>>(Connection&)>;

    /// `name` tells the daemon's sessions apart in the log: "work", "listen".
    Session(boost::asio::any_io_executor executor, std::string name, Conninfo conninfo);

    /// run() opens connections only while `leader`, and whom that follows, have theirs: if there is room for no
    /// more, it is the leader's. Ends with it, too.
    void follow(Session& leader) { leader_ = &leader; }
    /// Itself, or while it has no connection the one that leads all: for what must go on where there is room for one.
    [[nodiscard]] Session& self_or_first();

    void on_connect(OnConnect callback) { on_connect_ = std::move(callback); }
    /// Called when a statement has failed with Error::unknown_object().
    void on_unknown_object(std::function<void()> callback)
    {
        on_unknown_object_ = std::move(callback);
    }
    void on_notify(Connection::OnNotify callback) { on_notify_ = std::move(callback); }

    /// One attempt, without backoff; for the start, where an error is for the person who starts.
    [[nodiscard]] boost::asio::awaitable<std::optional<Error>> open();
    /// Keeps the session open until stop(); logs every attempt and delay.
    [[nodiscard]] boost::asio::awaitable<void> run();
    void stop();

    [[nodiscard]] bool connected() const { return connection_ && connection_->alive(); }
    [[nodiscard]] int server_version() const { return server_version_; }
    /// Drops the connection; run() opens another.
    void replace(std::string_view why);

    /// Fails at once while there is no connection.
    [[nodiscard]] boost::asio::awaitable<Answer> query(Statement statement,
                                                       std::vector<Parameter> parameters);
    [[nodiscard]] boost::asio::awaitable<Answer> query(Statement statement)
    {
        return query(statement, std::vector<Parameter>{});
    }
    /// False: until then it was not connected, or it was stopped before.
    [[nodiscard]] boost::asio::awaitable<bool> until_connected(
        Condition::Clock::time_point deadline = Condition::Clock::time_point::max());
    /// Waits for a connection, its own or the first one's, and sends the statement again whenever the connection dies
    /// before the answer: only for statements that may be carried out twice. Other errors are answers.
    [[nodiscard]] boost::asio::awaitable<Answer> query_until_answered(
        Statement statement, std::vector<Parameter> parameters);

private:
    [[nodiscard]] Session* leader_without_connection() const;

    boost::asio::any_io_executor executor_;
    std::string name_;
    Conninfo conninfo_;
    Session* leader_ = nullptr;
    OnConnect on_connect_;
    std::function<void()> on_unknown_object_;
    Connection::OnNotify on_notify_;
    std::shared_ptr<Connection> connection_;
    int server_version_ = 0;
    bool stopped_ = false;
    Condition changed_;  ///< connected, or stopped
};

}  // namespace meetlink::postgres
