#include "base/condition.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace meetlink {

namespace asio = boost::asio;

void Condition::notify_all()
{
    for (auto& waiter : waiters_) {
        waiter.cancel();
    }
}

asio::awaitable<void> Condition::wait()
{
    co_await wait_until(Clock::time_point::max());
}

asio::awaitable<bool> Condition::wait_for(Clock::duration time)
{
    co_return co_await wait_until(Clock::now() + time);
}

asio::awaitable<bool> Condition::wait_until(Clock::time_point deadline)
{
    struct Registration {
        std::list<asio::steady_timer>& list;
        std::list<asio::steady_timer>::iterator timer;
        ~Registration() { list.erase(timer); }
    };
    const Registration mine{waiters_, waiters_.emplace(waiters_.end(), executor_, deadline)};
    boost::system::error_code ended;
    co_await mine.timer->async_wait(asio::redirect_error(asio::use_awaitable, ended));
    co_return ended == asio::error::operation_aborted;
}

}  // namespace meetlink
