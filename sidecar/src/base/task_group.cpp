#include "base/task_group.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include "base/what.hpp"
#include "log/log.hpp"

namespace meetlink {

namespace asio = boost::asio;

TaskGroup::TaskGroup(asio::any_io_executor executor) : executor_(executor), ended_(executor) {}

void TaskGroup::spawn(std::string name, asio::awaitable<void> task)
{
    ++running_;
    asio::co_spawn(
        executor_, std::move(task),
        [this, name = std::move(name)](const std::exception_ptr& thrown) { ended(name, thrown); });
}

void TaskGroup::spawn(std::string name, asio::awaitable<void> task,
                      std::shared_ptr<asio::cancellation_signal> cancel)
{
    ++running_;
    const auto slot = cancel->slot();
    // the handler keeps the signal: its slot must outlive the coroutine
    asio::co_spawn(executor_, std::move(task),
                   asio::bind_cancellation_slot(
                       slot, [this, name = std::move(name), cancel = std::move(cancel)](
                                 const std::exception_ptr& thrown) { ended(name, thrown); }));
}

void TaskGroup::ended(const std::string& name, const std::exception_ptr& thrown)
{
    if (thrown) {
        log::error("internal_defect", "a task ended by an unexpected exception",
                   {{"task", name}, {"error", what(thrown)}});
    }
    --running_;
    ended_.notify_all();
}

asio::awaitable<void> TaskGroup::joined()
{
    while (running_ > 0) {
        co_await ended_.wait();
    }
}

asio::awaitable<bool> TaskGroup::joined_until(Condition::Clock::time_point deadline)
{
    bool in_time = true;
    while (running_ > 0 && in_time) {
        in_time = co_await ended_.wait_until(deadline);
    }
    co_return running_ == 0;
}

}  // namespace meetlink
