#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string_view>

#include "base/task_group.hpp"
#include "claimer/claim.hpp"
#include "claimer/lease.hpp"
#include "daemon/registration.hpp"
#include "limits/limits.hpp"
#include "provider/provider.hpp"
#include "settle/settler.hpp"
#include "token/keeper.hpp"

namespace meetlink::job {

/// What a job meets on its way, in that order.
struct Stages {
    limits::Limits& limits;
    token::Keeper& tokens;
    std::function<provider::Provider*(std::string_view name)> providers;
    settle::Settler& settler;
    Leases& leases;
    const daemon::Registration& registration;
};

/// Runs jobs, each as one coroutine from its claim to its verdict. Nothing escapes from one: what is
/// unexpected becomes the outcome internal_defect of that job alone.
class Runner {
public:
    Runner(boost::asio::any_io_executor executor, Stages stages);

    /// Called whenever a job makes room: when its work is done, and when the outcome is stored.
    void on_room(std::function<void()> callback) { on_room_ = std::move(callback); }

    /// Called with what became of each claim.
    using OnSettled = std::function<void(const Claim&, const settle::Outcome&, settle::Verdict)>;
    void on_settled(OnSettled callback) { on_settled_ = std::move(callback); }

    void start(Claim claim, std::shared_ptr<Lease> lease);

    /// Interrupts every job that has not come to settling, so that it is given back.
    void release_all();
    [[nodiscard]] std::size_t in_flight() const { return jobs_.size(); }
    [[nodiscard]] boost::asio::awaitable<bool> joined_until(Condition::Clock::time_point deadline)
    {
        return jobs_.joined_until(deadline);
    }

private:
    [[nodiscard]] boost::asio::awaitable<void> run(Claim claim, std::shared_ptr<Lease> lease);
    [[nodiscard]] boost::asio::awaitable<void> make_link(const Claim& claim, const Lease& lease,
                                                         settle::Outcome& outcome);
    [[nodiscard]] boost::asio::awaitable<void> follow(const Claim& claim, const Lease& lease,
                                                      settle::Outcome& outcome);
    [[nodiscard]] boost::asio::awaitable<std::optional<Failure>> reschedule(
        const Claim& claim, settle::Outcome& outcome);

    Stages stages_;
    std::function<void()> on_room_;
    OnSettled on_settled_;
    TaskGroup jobs_;
};

}  // namespace meetlink::job
