#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "base/condition.hpp"
#include "base/task_group.hpp"
#include "claimer/lease.hpp"
#include "daemon/registration.hpp"
#include "listener/listener.hpp"
#include "postgres/session.hpp"

namespace meetlink {

/// All that time does: one statement of housekeeping per poll interval, the sweep for sessions that no
/// trigger saw, renewal of leases. Each has a rhythm of its own, so that none waits for another.
class Janitor {
public:
    struct Options {
        std::chrono::milliseconds poll_interval{5'000};
        std::chrono::milliseconds lease{30'000};
        std::chrono::milliseconds sweep_interval{120'000};
        std::chrono::milliseconds refresh_interval{30'000};
    };
    struct Callbacks {
        std::function<void()> ring;     ///< something is due
        std::function<bool()> backlog;  ///< more is due than is being worked on
        /// A connection for what takes long.
        std::function<
            boost::asio::awaitable<postgres::Expected<std::shared_ptr<postgres::Connection>>>()>
            connect;
        /// The database does not know this daemon (any more).
        std::function<boost::asio::awaitable<void>()> register_again;
        /// The version of the extension that is installed; empty: none is.
        std::function<void(const std::string& version)> extension_is;
        /// Open circuit breakers, as meetlink.housekeep takes them: a JSON array.
        std::function<std::string()> breakers;
        /// One turn of refreshing tokens ahead of need; empty: not wanted.
        std::function<boost::asio::awaitable<void>()> refresh_ahead;
        /// Begins to cancel meetings that nobody wants, when there are any; empty: not wanted.
        std::function<boost::asio::awaitable<void>()> cancel_orphans;
    };

    /// Renewals go through `settle`, because a claim whose outcome is just being written is locked, and would seem
    /// lost; what may take longer, through `upkeep`. A sweep, which takes seconds on a large table, has a connection
    /// of its own, so that no token waits for it.
    Janitor(boost::asio::any_io_executor executor, postgres::Session& work,
            postgres::Session& settle, postgres::Session& upkeep,
            const daemon::Registration& registration, Leases& leases, Listener& listener,
            Options options, Callbacks callbacks);

    [[nodiscard]] boost::asio::awaitable<void> run();
    void stop();

    /// Turns of housekeeping that found something due, which a notification should have told.
    [[nodiscard]] std::uint64_t polls_that_found_work() const { return found_work_; }

    /// One turn each; an error is returned, and has been logged.
    [[nodiscard]] boost::asio::awaitable<std::optional<postgres::Error>> housekeep();
    [[nodiscard]] boost::asio::awaitable<std::optional<postgres::Error>> sweep();

private:
    using Clock = Condition::Clock;

    [[nodiscard]] boost::asio::awaitable<void> keep_house();
    [[nodiscard]] boost::asio::awaitable<void> keep_sweeping();
    [[nodiscard]] boost::asio::awaitable<void> keep_refreshing();
    [[nodiscard]] boost::asio::awaitable<void> keep_leases();
    [[nodiscard]] boost::asio::awaitable<void> watch_leases();
    [[nodiscard]] boost::asio::awaitable<std::optional<postgres::Error>> sweep_until_done();
    [[nodiscard]] boost::asio::awaitable<postgres::Answer> query_apart(
        postgres::Statement statement, std::vector<postgres::Parameter> parameters);
    void warn(std::string_view event, std::string_view message, const postgres::Error& error) const;
    [[nodiscard]] boost::asio::awaitable<bool> wait_until(Clock::time_point time);

    postgres::Session& work_;
    postgres::Session& settle_;
    postgres::Session& upkeep_;
    const daemon::Registration& registration_;
    Leases& leases_;
    Listener& listener_;
    Options options_;
    Callbacks callbacks_;
    std::shared_ptr<postgres::Connection> apart_;            ///< while a sweep is on
    Clock::time_point next_due_ = Clock::time_point::max();  ///< a waiting job becomes due
    Clock::duration sweep_took_{};                           ///< the last one, also one that failed
    std::uint64_t found_work_ = 0;
    bool stopped_ = false;
    Condition stopping_;
    TaskGroup rhythms_;
};

}  // namespace meetlink
