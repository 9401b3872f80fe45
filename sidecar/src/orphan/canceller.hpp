#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/condition.hpp"
#include "base/task_group.hpp"
#include "daemon/registration.hpp"
#include "failure.hpp"
#include "limits/limits.hpp"
#include "orphan/orphan.hpp"
#include "postgres/session.hpp"
#include "provider/provider.hpp"
#include "token/keeper.hpp"

namespace meetlink::orphan {

/// Cancels at the provider the meetings that no session wants, a few at a time. Nothing here is urgent:
/// whatever fails or dies half-way is tried again by any daemon when the lease is over.
class Canceller {
public:
    struct Stages {
        postgres::Session& session;
        limits::Limits& limits;
        token::Keeper& tokens;
        std::function<provider::Provider*(std::string_view name)> providers;
        const daemon::Registration& registration;
    };
    /// An orphan is held for longer than its few requests take: nothing renews it.
    static constexpr std::chrono::milliseconds lease{120'000};
    static constexpr std::size_t at_once = 8;

    Canceller(boost::asio::any_io_executor executor, Stages stages,
              std::chrono::milliseconds http_timeout);

    /// Takes what is due, and begins with it; what goes wrong has been logged.
    [[nodiscard]] boost::asio::awaitable<void> turn();
    void stop() { stopped_ = true; }
    [[nodiscard]] std::size_t in_flight() const { return working_.size(); }
    [[nodiscard]] boost::asio::awaitable<bool> joined_until(Condition::Clock::time_point deadline)
    {
        return working_.joined_until(deadline);
    }

private:
    using Clock = Condition::Clock;

    /// What meetlink.settle_orphan is told.
    struct Report {
        std::string_view outcome;
        std::optional<std::string> cancelled = {};
        std::optional<Failure> failure = {};
    };

    [[nodiscard]] boost::asio::awaitable<void> take(std::size_t max, std::vector<std::string> skip);
    [[nodiscard]] boost::asio::awaitable<void> run(Orphan orphan, Clock::time_point until);
    [[nodiscard]] boost::asio::awaitable<Report> work_on(const Orphan& orphan,
                                                         Clock::time_point until);
    [[nodiscard]] boost::asio::awaitable<Report> cancel(const Orphan& orphan,
                                                        provider::Provider& provider,
                                                        const Secret& access_token,
                                                        Clock::time_point until);
    [[nodiscard]] boost::asio::awaitable<std::string> may_cancel(const Orphan& orphan,
                                                                 const provider::Meeting& meeting);
    [[nodiscard]] boost::asio::awaitable<void> settle(const Orphan& orphan, Report report);

    Stages stages_;
    std::chrono::milliseconds http_timeout_;
    bool stopped_ = false;
    TaskGroup working_;
};

}  // namespace meetlink::orphan
