#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/condition.hpp"
#include "claimer/claim.hpp"
#include "claimer/lease.hpp"
#include "daemon/registration.hpp"
#include "limits/limits.hpp"
#include "postgres/session.hpp"

namespace meetlink {

/// Takes due jobs: as many as there is room for, the nearest session first. Wakes on a ring and when
/// room is made while more may be due; wake-ups during a claim become one.
class Claimer {
public:
    struct Options {
        std::size_t max_in_flight = 256;
        std::chrono::milliseconds lease{30'000};
        /// Return from run() as soon as nothing is due or in flight.
        bool until_drained = false;
    };
    /// Starts the job; it marks its lease as settling, removes it from Leases when it is settled, and calls
    /// room_made() each time.
    using Start = std::function<void(Claim, std::shared_ptr<Lease>)>;

    /// Most rows of one statement. A statement cannot know how many jobs of one connection may work at
    /// once, so between two of them a connection that is full goes into `skip`.
    static constexpr std::size_t batch = 64;

    Claimer(boost::asio::any_io_executor executor, postgres::Session& session,
            const daemon::Registration& registration, limits::Limits& limits, Leases& leases,
            Options options, Start start);

    /// Something may be due.
    void ring();
    void room_made();

    [[nodiscard]] boost::asio::awaitable<void> run();
    void stop();
    /// More is due than it could take at once; also until it has looked for the first time.
    [[nodiscard]] bool backlog() const { return backlog_; }
    /// A drained run ended because statements kept failing.
    [[nodiscard]] bool failed() const { return failed_; }

private:
    using Clock = Condition::Clock;
    /// How many rows came; nothing: the statement failed.
    using Taken = std::optional<std::size_t>;
    using Time = std::optional<std::chrono::sys_seconds>;

    [[nodiscard]] boost::asio::awaitable<Taken> claim();
    /// after: as in meetlink.claim; nothing: from the start.
    [[nodiscard]] boost::asio::awaitable<Taken> take(std::size_t max, std::vector<std::string> skip,
                                                     Time after);
    [[nodiscard]] boost::asio::awaitable<bool> wait_for_work();
    /// A claim that is held, and whose work has not begun.
    struct Ready {
        Claim claim;
        std::shared_ptr<Lease> lease;
    };

    [[nodiscard]] std::size_t claimable() const;
    [[nodiscard]] std::size_t working() const;
    void start_ready();
    [[nodiscard]] std::size_t room() const;
    [[nodiscard]] std::size_t worthwhile() const;

    postgres::Session& session_;
    const daemon::Registration& registration_;
    limits::Limits& limits_;
    Leases& leases_;
    Options options_;
    Start start_;
    std::deque<Ready> ready_;  ///< the nearest session first
    bool rung_ = true;         ///< something may be due that could be taken now
    bool unfinished_ = false;  ///< something may be due that could not be taken
    bool backlog_ = true;
    /// Of a backlog, sessions that start earlier have just been looked through; nothing: they have not.
    Time passed_;
    Time last_taken_;
    Clock::time_point from_start_at_{};
    bool stopped_ = false;
    bool failed_ = false;
    Condition changed_;
};

}  // namespace meetlink
