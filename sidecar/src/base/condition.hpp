#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <list>

namespace meetlink {

/// A condition variable for coroutines of one thread: wait in a loop that looks at the state waited for.
/// No wake-up is lost, since nothing runs between the look and the wait. Must outlive its waiters.
class Condition {
public:
    using Clock = std::chrono::steady_clock;

    explicit Condition(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
    Condition(const Condition&) = delete;
    Condition& operator=(const Condition&) = delete;

    /// Wakes every coroutine that waits now.
    void notify_all();

    [[nodiscard]] boost::asio::awaitable<void> wait();
    /// False: the time came first.
    [[nodiscard]] boost::asio::awaitable<bool> wait_until(Clock::time_point deadline);
    [[nodiscard]] boost::asio::awaitable<bool> wait_for(Clock::duration time);

private:
    boost::asio::any_io_executor executor_;
    std::list<boost::asio::steady_timer> waiters_;
};

}  // namespace meetlink
