#include "daemon/daemon.hpp"

/// What the daemon tells of itself over HTTP.
namespace meetlink::daemon {

namespace asio = boost::asio;
using Clock = Condition::Clock;

namespace {

constexpr postgres::Statement alive_statement{"alive", "select 1"};
constexpr postgres::Statement count_statement{
    "job_counts", "select state, reason, jobs from meetlink.job_counts()"};

/// Counting reads the whole job table: several scrapers share one count.
constexpr std::chrono::seconds count_lasts{5};

}  // namespace

asio::awaitable<web::Readiness> Daemon::readiness()
{
    const auto answer = co_await upkeep_.query(alive_statement);
    const bool registered = registration_.daemon_id != 0;
    co_return web::Readiness{
        .database = static_cast<bool>(answer) && registered && work_.connected(),
        .listening = listen_.connected(),
        .problem = unfit_ ? unfit_->message : ""};
}

/// False: the database could not be asked.
asio::awaitable<bool> Daemon::count_jobs()
{
    if (Clock::now() < counted_at_ + count_lasts) {
        co_return true;
    }
    const auto answer = co_await upkeep_.query(count_statement);
    if (!answer) {
        co_return false;
    }
    job_counts_.clear();
    for (std::size_t row = 0; row < answer->size(); ++row) {
        job_counts_.push_back({.state = (*answer)[row].get<std::string>("state"),
                               .reason = (*answer)[row].get<std::string>("reason"),
                               .jobs = (*answer)[row].get<std::int64_t>("jobs")});
    }
    counted_at_ = Clock::now();
    co_return true;
}

asio::awaitable<std::string> Daemon::scrape()
{
    const bool counted = co_await count_jobs();
    const metrics::Now now{.jobs = counted ? &job_counts_ : nullptr,
                           .in_flight = jobs_.in_flight(),
                           .notifications = listener_.notifications(),
                           .polls_that_found_work = janitor_.polls_that_found_work()};
    co_return metrics_.render(now);
}

}  // namespace meetlink::daemon
