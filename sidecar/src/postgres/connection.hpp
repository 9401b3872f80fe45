#pragma once

#include <libpq-fe.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/condition.hpp"
#include "postgres/conninfo.hpp"
#include "postgres/error.hpp"
#include "postgres/rows.hpp"

namespace meetlink::postgres {

/// A statement of the daemon: prepared once per connection under its name.
struct Statement {
    const char* name;
    const char* sql;
};

using Answer = Expected<Rows>;

/// One libpq connection in pipeline mode on the event loop. Any number of coroutines may wait for
/// answers at once: statements go out back to back and are answered in order. Each is an implicit
/// transaction of its own (a Sync follows it), so that a failing one takes no other with it.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    using OnNotify = std::function<void(std::string_view channel, std::string_view payload)>;
    using Handle = std::unique_ptr<PGconn, decltype(&PQfinish)>;

    /// Longest time to wait for an answer before the connection counts as dead; longer than the
    /// session's statement_timeout.
    static constexpr std::chrono::seconds answer_timeout{25};

    /// Opens a connection and prepares its session: UTC, time limits, UTF-8. Tries each server that
    /// `conninfo` names once, in order.
    [[nodiscard]] static boost::asio::awaitable<Expected<std::shared_ptr<Connection>>> open(
        boost::asio::any_io_executor executor, Conninfo conninfo, OnNotify on_notify = {});

    Connection(boost::asio::any_io_executor executor, Handle handle, OnNotify on_notify);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Never throws for what the server or the network does.
    [[nodiscard]] boost::asio::awaitable<Answer> query(Statement statement,
                                                       std::vector<Parameter> parameters);
    [[nodiscard]] boost::asio::awaitable<Answer> query(Statement statement)
    {
        return query(statement, std::vector<Parameter>{});
    }

    [[nodiscard]] bool alive() const { return handle_ != nullptr; }
    /// e.g. 150020
    [[nodiscard]] int server_version() const { return server_version_; }
    /// Completes when the connection has died or was closed; says why.
    [[nodiscard]] boost::asio::awaitable<Error> closed();
    /// Statements that still wait are answered as lost.
    void close(std::string_view why);

private:
    struct Pending {
        std::string name;        ///< of the statement
        bool preparing = false;  ///< the first result answers the Parse
        std::optional<Answer> answer;
        boost::asio::steady_timer answered;
    };

    [[nodiscard]] bool send(const Statement& statement, const std::vector<Parameter>& parameters,
                            Pending& pending);
    [[nodiscard]] boost::asio::awaitable<std::optional<Error>> begin_session();
    [[nodiscard]] static boost::asio::awaitable<void> read(std::shared_ptr<Connection> self);
    [[nodiscard]] static boost::asio::awaitable<void> write(std::shared_ptr<Connection> self);
    void flush();
    [[nodiscard]] bool consume();
    void take_results();
    void take_result(PGresult* result, Pending& pending);
    void deliver_notifications();
    void fail(Error error);
    static void on_notice(void* self, const PGresult* notice) noexcept;

    boost::asio::any_io_executor executor_;
    Handle handle_;
    boost::asio::posix::stream_descriptor socket_;
    OnNotify on_notify_;
    std::set<std::string, std::less<>> prepared_;
    std::deque<std::shared_ptr<Pending>> pending_;
    bool writing_ = false;
    int server_version_ = 0;
    Error end_;
    Condition closed_;
};

}  // namespace meetlink::postgres
