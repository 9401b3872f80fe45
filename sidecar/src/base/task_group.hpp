#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <cstddef>
#include <exception>
#include <memory>
#include <string>

#include "base/condition.hpp"

namespace meetlink {

/// Coroutines that run side by side and are waited for together. What one of them throws is logged as
/// `internal_defect` and ends that one alone.
class TaskGroup {
public:
    explicit TaskGroup(boost::asio::any_io_executor executor);

    void spawn(std::string name, boost::asio::awaitable<void> task);
    /// Emitting `cancel` ends the task at its next wait (operation_aborted).
    void spawn(std::string name, boost::asio::awaitable<void> task,
               std::shared_ptr<boost::asio::cancellation_signal> cancel);
    [[nodiscard]] std::size_t size() const { return running_; }
    [[nodiscard]] boost::asio::awaitable<void> joined();
    /// False: the time came first.
    [[nodiscard]] boost::asio::awaitable<bool> joined_until(Condition::Clock::time_point deadline);

private:
    void ended(const std::string& name, const std::exception_ptr& thrown);

    boost::asio::any_io_executor executor_;
    Condition ended_;
    std::size_t running_ = 0;
};

}  // namespace meetlink
