#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/database_clock.hpp"
#include "base/task_group.hpp"
#include "claimer/claimer.hpp"
#include "config/config.hpp"
#include "daemon/registration.hpp"
#include "http/client.hpp"
#include "janitor/janitor.hpp"
#include "job/job.hpp"
#include "limits/limits.hpp"
#include "listener/listener.hpp"
#include "metrics/metrics.hpp"
#include "orphan/canceller.hpp"
#include "postgres/session.hpp"
#include "provider/provider.hpp"
#include "settle/settler.hpp"
#include "token/cipher.hpp"
#include "token/database_store.hpp"
#include "token/keeper.hpp"
#include "token/refresher.hpp"
#include "web/site.hpp"

namespace meetlink::daemon {

/// Exit statuses of meetlinkd.
enum Exit : int {
    exit_ok = 0,
    exit_failed = 1,   ///< could not do its work (database out of reach)
    exit_unusable = 2  ///< configuration or database setup: a person must change something
};

enum class Mode { serve, once, check, reencrypt };

/// The stages of a row's way (DESIGN section 2), wired together, and their start and end.
class Daemon {
public:
    Daemon(boost::asio::io_context& loop, const config::Config& config, Mode mode);

    /// Runs until stop(), or in mode `once` until nothing is due; returns the exit status.
    [[nodiscard]] boost::asio::awaitable<int> run();
    /// Claims nothing more; what is in flight may end within http_timeout, the rest is given back.
    void stop();

private:
    [[nodiscard]] boost::asio::awaitable<int> check();
    [[nodiscard]] boost::asio::awaitable<int> serve();
    [[nodiscard]] boost::asio::awaitable<int> work_until_stopped();
    using Errand = boost::asio::awaitable<bool> (Daemon::*)();
    [[nodiscard]] boost::asio::awaitable<int> run_errand(Errand errand);
    [[nodiscard]] boost::asio::awaitable<bool> drain();
    [[nodiscard]] boost::asio::awaitable<bool> reencrypt();
    [[nodiscard]] boost::asio::awaitable<std::optional<int>> first_connection();
    [[nodiscard]] boost::asio::awaitable<std::optional<postgres::Error>> begin_work(
        postgres::Connection& connection);
    [[nodiscard]] boost::asio::awaitable<postgres::Expected<std::shared_ptr<postgres::Connection>>>
    connect_apart();
    void begin_anew(std::string_view why);
    [[nodiscard]] boost::asio::awaitable<void> register_again();
    void extension_is(const std::string& installed);
    void look_at_extension();
    [[nodiscard]] boost::asio::awaitable<void> warn_of_gateway();
    [[nodiscard]] boost::asio::awaitable<void> give_up_when_out_of_reach();
    [[nodiscard]] boost::asio::awaitable<void> wind_down();
    [[nodiscard]] boost::asio::awaitable<web::Readiness> readiness();
    [[nodiscard]] boost::asio::awaitable<std::string> scrape();
    [[nodiscard]] boost::asio::awaitable<bool> count_jobs();
    [[nodiscard]] provider::Provider* find_provider(std::string_view name) const;

    const config::Config& config_;
    Mode mode_;
    boost::asio::any_io_executor executor_;
    Condition stopping_;
    bool stopped_ = false;
    bool failed_ = false;
    Registration registration_;
    std::optional<postgres::Error> unfit_;  ///< why the database cannot be worked on
    Condition::Clock::time_point looked_at_{};

    postgres::Session work_;    ///< claim: never waits for a lock, but for the disk
    postgres::Session settle_;  ///< outcomes, and leases of claims: never waits for a lock
    postgres::Session upkeep_;  ///< tokens, housekeeping
    postgres::Session listen_;  ///< the doorbell
    http::Client http_;
    std::map<std::string, std::unique_ptr<provider::Provider>, std::less<>> providers_;
    token::Cipher cipher_;
    token::DatabaseStore token_store_;
    Leases leases_;
    DatabaseClock clock_;
    limits::Limits limits_;

    // in the order in which a row travels
    Listener listener_;
    Claimer claimer_;
    token::Keeper tokens_;
    token::Refresher refresher_;
    job::Runner jobs_;
    settle::Settler settler_;
    orphan::Canceller orphans_;
    Janitor janitor_;

    TaskGroup stages_;  ///< listener's, janitor's, settler's and the sessions' loops
    TaskGroup claiming_;
    TaskGroup leaving_;

    web::Site site_;
    metrics::Metrics metrics_;
    std::vector<metrics::JobCount> job_counts_;
    Condition::Clock::time_point counted_at_{};
};

}  // namespace meetlink::daemon
