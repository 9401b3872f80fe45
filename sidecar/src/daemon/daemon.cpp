#include "daemon/daemon.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iostream>

#include "base/json.hpp"
#include "base/startup_pages.hpp"
#include "daemon/service_manager.hpp"
#include "daemon/setup.hpp"
#include "log/log.hpp"
#include "provider/google.hpp"
#include "provider/zoom.hpp"
#include "token/reencrypt.hpp"
#include "version.hpp"

namespace meetlink::daemon {

namespace asio = boost::asio;
using Clock = Condition::Clock;

namespace {

/// How long --once waits for a database that is out of reach.
constexpr std::chrono::seconds once_patience{30};

/// When the last job has ended, HTTP callers who wait for an outcome have this long to get it.
constexpr std::chrono::seconds answers_patience{1};

/// How long a sweep waits until the sessions that are always there have their connections.
constexpr std::chrono::seconds sessions_patience{1};

/// Least time between two looks at whether the extension fits.
constexpr std::chrono::seconds look_again{30};

/// How long a stop waits for the database to take note of it.
constexpr std::chrono::seconds farewell_patience{1};

postgres::Conninfo conninfo(const config::Config& config)
{
    return {.text = config.database.conninfo,
            .application_name = "meetlinkd " + config.sidecar.name};
}

postgres::Conninfo http_conninfo(const config::Config& config)
{
    return {.text = config.http.conninfo,
            .application_name = "meetlinkd http " + config.sidecar.name};
}

limits::ProviderLimits limits_of(const config::Provider& settings, const config::Sidecar& sidecar)
{
    return {.max_per_connection = settings.max_per_connection,
            .max_per_second = settings.max_per_second,
            .max_stalled = static_cast<std::size_t>(sidecar.max_in_flight)};
}

void print(const postgres::Error& problem, std::string_view kind = "")
{
    std::cerr << "meetlinkd: " << kind << problem.message << "\n";
    if (!problem.detail.empty()) {
        std::cerr << "  detail: " << problem.detail << "\n";
    }
    if (!problem.hint.empty()) {
        std::cerr << "  hint:   " << problem.hint << "\n";
    }
}

}  // namespace

Daemon::Daemon(asio::io_context& loop, const config::Config& config, Mode mode)
    : config_(config),
      mode_(mode),
      executor_(loop.get_executor()),
      stopping_(executor_),
      work_(executor_, "work", conninfo(config)),
      settle_(executor_, "settle", conninfo(config)),
      upkeep_(executor_, "upkeep", conninfo(config)),
      listen_(executor_, "listen", conninfo(config)),
      http_(executor_, {.version = config.sidecar.http_version,
                        .ca_file = config.tls.ca_file,
                        .connections_per_host = 2 * config.sidecar.max_in_flight}),
      cipher_(config.tokens.encryption_key, config.tokens.previous_keys),
      token_store_(upkeep_, registration_),
      limits_(executor_, {{"google_meet", limits_of(config.google, config.sidecar)},
                          {"zoom", limits_of(config.zoom, config.sidecar)}}),
      listener_(listen_, work_, [this] { claimer_.ring(); }),
      claimer_(executor_, work_, registration_, limits_, leases_,
               {.max_in_flight = static_cast<std::size_t>(config.sidecar.max_in_flight),
                .lease = config.sidecar.lease,
                .until_drained = mode == Mode::once},
               [this](Claim claim, std::shared_ptr<Lease> lease) {
                   clock_.set(claim.claimed_at);
                   jobs_.start(std::move(claim), std::move(lease));
               }),
      tokens_(
          executor_, token_store_, cipher_,
          [this](std::string_view name) { return find_provider(name); },
          {.format = config.tokens.cipher, .http_timeout = config.sidecar.http_timeout},
          [this] { return clock_.now(); }),
      refresher_(upkeep_, tokens_,
                 {.ahead = config.tokens.refresh_ahead,
                  .idle_days = {{"google_meet", config.google.refresh_after_days},
                                {"zoom", config.zoom.refresh_after_days}}}),
      jobs_(executor_, {.limits = limits_,
                        .tokens = tokens_,
                        .providers = [this](std::string_view name) { return find_provider(name); },
                        .settler = settler_,
                        .leases = leases_,
                        .registration = registration_}),
      settler_(executor_, settle_, registration_),
      orphans_(executor_,
               {.session = upkeep_,
                .limits = limits_,
                .tokens = tokens_,
                .providers = [this](std::string_view name) { return find_provider(name); },
                .registration = registration_},
               config.sidecar.http_timeout),
      janitor_(
          executor_, work_, settle_, upkeep_, registration_, leases_, listener_,
          {.poll_interval = config.sidecar.poll_interval, .lease = config.sidecar.lease},
          {.ring = [this] { claimer_.ring(); },
           .backlog = [this] { return claimer_.backlog(); },
           .connect = [this] { return connect_apart(); },
           .register_again = [this] { return register_again(); },
           .extension_is = [this](const std::string& installed) { extension_is(installed); },
           .breakers = [this] { return write_json(limits_.open_breakers(Clock::now())); },
           .refresh_ahead = mode == Mode::serve ? std::function<asio::awaitable<void>()>{[this] {
               return refresher_.turn();
           }}
                                                : nullptr,
           .cancel_orphans = mode == Mode::serve ? std::function<asio::awaitable<void>()>{[this] {
               return orphans_.turn();
           }}
                                                 : nullptr}),
      stages_(executor_),
      claiming_(executor_),
      leaving_(executor_),
      site_(
          executor_, config.http, http_conninfo(config),
          {.readiness = [this] { return readiness(); },
           .metrics = [this] { return scrape(); },
           .ask =
               [this](postgres::Statement statement, std::vector<postgres::Parameter> parameters) {
                   return upkeep_.query(statement, std::move(parameters));
               }})
{
    const auto add = [this](std::unique_ptr<provider::Provider> one) {
        const std::string name{one->name()};
        providers_.emplace(name, std::move(one));
    };
    const auto timeout = config.sidecar.http_timeout;
    add(std::make_unique<provider::Google>(config.google, http_, timeout));
    add(std::make_unique<provider::Zoom>(config.zoom, http_, timeout));
    listener_.on_events([this](std::string_view payload) { site_.heard(payload); });
    // where there is room for few connections, for the first of these
    upkeep_.follow(work_);
    listen_.follow(upkeep_);
    settle_.follow(listen_);
    work_.on_connect([this](postgres::Connection& connection) { return begin_work(connection); });
    for (auto* session : {&work_, &settle_, &upkeep_}) {
        session->on_unknown_object([this] { look_at_extension(); });
    }
    jobs_.on_room([this] { claimer_.room_made(); });
    jobs_.on_settled(
        [this](const Claim& claim, const settle::Outcome& outcome, settle::Verdict verdict) {
            metrics_.attempt(claim, outcome, verdict);
        });
    tokens_.on_refreshed([this](const token::ConnectionKey& key, std::optional<Reason> reason) {
        metrics_.refresh(key.provider, reason ? code(*reason) : "refreshed");
    });
}

asio::awaitable<int> Daemon::run()
{
    switch (mode_) {
        case Mode::check:
            co_return co_await check();
        case Mode::once:
            co_return co_await run_errand(&Daemon::drain);
        case Mode::reencrypt:
            co_return co_await run_errand(&Daemon::reencrypt);
        case Mode::serve:
            break;
    }
    co_return co_await serve();
}

void Daemon::stop()
{
    stopped_ = true;
    limits_.close();  // what has not started yet is given back at once
    claimer_.stop();
    refresher_.stop();
    orphans_.stop();
    site_.close();
    if (registration_.daemon_id == 0) {
        // never connected: nothing to give back, and nothing to wait for
        work_.stop();
        settle_.stop();
        upkeep_.stop();
    }
    stopping_.notify_all();
}

asio::awaitable<int> Daemon::serve()
{
    log::info("starting", "meetlinkd starts",
              {{"version", version},
               {"revision", revision},
               {"daemon", config_.sidecar.name},
               {"database", postgres::describe(conninfo(config_))}});
    if (!config_.http.listen.empty()) {
        if (const auto problem = site_.open()) {
            std::cerr << "meetlinkd: " << *problem << "\n";
            co_return exit_unusable;
        }
    }
    const int status = co_await work_until_stopped();
    co_await site_.closed_by(Clock::now());
    co_return status;
}

asio::awaitable<int> Daemon::work_until_stopped()
{
    if (const auto status = co_await first_connection()) {
        co_return *status;
    }
    stages_.spawn("work session", work_.run());
    const bool connected = co_await work_.until_connected();
    if (!connected) {
        co_await stages_.joined();
        co_return exit_ok;  // stopped before that
    }
    stages_.spawn("settle session", settle_.run());
    stages_.spawn("upkeep session", upkeep_.run());
    stages_.spawn("listen session", listen_.run());
    stages_.spawn("settler", settler_.run());
    stages_.spawn("janitor", janitor_.run());
    claiming_.spawn("claimer", claimer_.run());
    if (!config_.http.listen.empty()) {
        stages_.spawn("gateway check", warn_of_gateway());
    }
    release_startup_pages();
    tell_service_manager("READY=1");
    log::info("ready", "waiting for sessions without a link", {});
    while (!stopped_) {
        co_await stopping_.wait();
    }
    co_await wind_down();
    co_return exit_ok;
}

/// A run that ends by itself: `errand` begins when both sessions are connected, and says whether all
/// went well.
asio::awaitable<int> Daemon::run_errand(Errand errand)
{
    if (const auto status = co_await first_connection()) {
        co_return *status;
    }
    stages_.spawn("work session", work_.run());
    stages_.spawn("settle session", settle_.run());
    stages_.spawn("upkeep session", upkeep_.run());
    stages_.spawn("settler", settler_.run());
    stages_.spawn("watch", give_up_when_out_of_reach());
    const bool working = co_await work_.until_connected();
    const bool keeping_up = co_await upkeep_.until_connected();
    bool succeeded = false;
    if (working && keeping_up) {
        succeeded = co_await (this->*errand)();
    }
    const bool out_of_reach = !working || !keeping_up || failed_;
    failed_ = out_of_reach || !succeeded;
    stop();
    co_await wind_down();
    co_return failed_ ? exit_failed : exit_ok;
}

/// Mode `once`: works off what is due.
asio::awaitable<bool> Daemon::drain()
{
    const auto not_swept = co_await janitor_.sweep();
    const auto not_kept = co_await janitor_.housekeep();
    stages_.spawn("janitor", janitor_.run());
    claiming_.spawn("claimer", claimer_.run());
    co_await claiming_.joined();
    co_return !not_swept && !not_kept && !claimer_.failed();
}

asio::awaitable<bool> Daemon::reencrypt()
{
    const auto done =
        co_await token::reencrypt(upkeep_, token_store_, cipher_, config_.tokens.cipher);
    if (!done) {
        log::error("reencrypt_failed", "could not encrypt tokens anew",
                   {{"error", done.error().describe()}});
    }
    co_return done && done->unreadable == 0 && done->busy == 0;
}

asio::awaitable<int> Daemon::check()
{
    std::vector<postgres::Error> problems;
    const auto verifier = web::make_verifier(config_.http);
    if (const auto* wrong = std::get_if<std::string>(&verifier)) {
        problems.push_back({.message = *wrong});
    }
    auto where = conninfo(config_);
    auto opened = co_await postgres::Connection::open(executor_, std::move(where));
    if (opened) {
        auto found = co_await find_problems(**opened);
        for (auto& one : found) {
            problems.push_back(std::move(one));
        }
        (*opened)->close("the check is over");
        if (!config_.http.listen.empty()) {
            auto http = http_conninfo(config_);
            const auto wrong = co_await find_gateway_problem(executor_, std::move(http));
            if (wrong) {
                print(*wrong, "warning: ");
            }
        }
    } else {
        problems.push_back(opened.error());
    }
    for (const auto& one : problems) {
        print(one);
    }
    if (problems.empty()) {
        std::cout << "meetlinkd: configuration and database are in order ("
                  << postgres::describe(conninfo(config_)) << ")\n";
    }
    co_return problems.empty() ? exit_ok : exit_unusable;
}

/// Nothing: go on. Otherwise an exit status: what stands in the way has been printed.
asio::awaitable<std::optional<int>> Daemon::first_connection()
{
    // in the order in which they follow; the listener looks for a pooler over work
    for (auto* session : {&work_, &upkeep_, &listen_}) {
        const auto problem = co_await session->open();
        if (problem && !may_pass(*problem)) {
            print(*problem);
            work_.stop();
            upkeep_.stop();
            listen_.stop();
            co_return exit_unusable;
        }
        if (problem) {
            log::warning("database_connect_failed", "could not connect to the database",
                         {{"error", problem->describe()}});
            break;
        }
    }
    co_return std::nullopt;
}

/// Each new work connection: the server may be another one now, or the extension upgraded.
asio::awaitable<std::optional<postgres::Error>> Daemon::begin_work(postgres::Connection& connection)
{
    const auto problems = co_await find_problems(connection);
    if (!problems.empty()) {
        const auto& found = problems.front();
        const bool news = !unfit_ || unfit_->message != found.message;
        unfit_ = found;
        if (news && registration_.daemon_id != 0) {
            log::error("database_unfit", "cannot work on this database; waiting until that changes",
                       {{"error", found.describe()}});
        }
        co_return found;
    }
    unfit_.reset();
    // A lost connection does not end our claims: housekeeping says when the database forgot us.
    if (registration_.daemon_id == 0) {
        // beside a daemon that serves under this name: it must not be taken for its successor
        const auto name = config_.sidecar.name + (mode_ == Mode::reencrypt ? " --reencrypt" : "");
        std::vector<std::string> configured;
        for (const auto& [provider, one] : providers_) {
            if (one->configured()) {
                configured.push_back(provider);
            }
        }
        co_return co_await register_daemon(connection, name, configured, registration_);
    }
    co_return std::nullopt;
}

/// A connection beside those of the sessions, which come first.
asio::awaitable<postgres::Expected<std::shared_ptr<postgres::Connection>>> Daemon::connect_apart()
{
    co_await settle_.until_connected(Clock::now() + sessions_patience);
    auto where = conninfo(config_);
    co_return co_await postgres::Connection::open(executor_, std::move(where));
}

/// Nothing is claimed or settled until begin_work has looked at the database once more.
void Daemon::begin_anew(std::string_view why)
{
    work_.replace(why);
    settle_.replace(why);
}

/// The extension was upgraded beside us: begin_work refuses, and says so, until the two fit. Claims under
/// way are settled then, or taken over by the daemon that fits.
void Daemon::extension_is(const std::string& installed)
{
    if (installed != version) {
        begin_anew("the extension has another version");
    }
}

/// A statement does not fit what is in the database: likewise, but it may have another cause.
void Daemon::look_at_extension()
{
    if (Clock::now() >= looked_at_ + look_again) {
        looked_at_ = Clock::now();
        begin_anew("to see whether the extension fits");
    }
}

asio::awaitable<void> Daemon::register_again()
{
    log::warning("registration_lost", "the database does not know this daemon any more", {});
    registration_.daemon_id = 0;
    begin_anew("registering again");
    co_await work_.until_connected();
}

/// Links are made without it, so the start goes on.
asio::awaitable<void> Daemon::warn_of_gateway()
{
    auto http = http_conninfo(config_);
    const auto wrong = co_await find_gateway_problem(executor_, std::move(http));
    if (wrong && !stopped_) {
        log::warning("http_not_entitled", wrong->message, {{"hint", wrong->hint}});
    }
}

asio::awaitable<void> Daemon::give_up_when_out_of_reach()
{
    auto reached = Clock::now();
    while (!stopped_) {
        co_await stopping_.wait_for(std::chrono::milliseconds{500});
        if (work_.connected() && upkeep_.connected()) {
            reached = Clock::now();
        } else if (!stopped_ && Clock::now() - reached > once_patience) {
            log::error("database_out_of_reach", "giving up on the database", {});
            failed_ = true;
            claimer_.stop();
            work_.stop();
            settle_.stop();
            upkeep_.stop();
            co_return;
        }
    }
}

/// What is in flight may end; what does not in time is given back; then the stages end in order.
asio::awaitable<void> Daemon::wind_down()
{
    tell_service_manager("STOPPING=1");
    const auto began = Clock::now();
    const auto soft = began + config_.sidecar.http_timeout * 4 / 5;
    const auto hard = began + config_.sidecar.http_timeout;
    log::info("stopping", "stopping", {{"in_flight", jobs_.in_flight()}});
    co_await claiming_.joined_until(soft);
    co_await jobs_.joined_until(soft);
    if (jobs_.in_flight() > 0) {
        log::warning("releasing", "giving back what did not end in time",
                     {{"jobs", jobs_.in_flight()}});
        jobs_.release_all();
        co_await jobs_.joined_until(hard);
    }
    co_await tokens_.joined_until(hard);
    co_await orphans_.joined_until(hard);
    co_await site_.closed_by(std::min(hard, Clock::now() + answers_patience));
    janitor_.stop();
    leaving_.spawn("unregister", unregister(upkeep_, registration_));
    co_await leaving_.joined_until(Clock::now() + farewell_patience);
    settler_.stop();
    listen_.stop();
    upkeep_.stop();
    settle_.stop();
    work_.stop();
    http_.close();
    const bool ended = co_await stages_.joined_until(hard + std::chrono::seconds{1});
    if (!ended || jobs_.in_flight() > 0 || tokens_.refreshing() > 0 || orphans_.in_flight() > 0) {
        log::warning("stopped_late",
                     "stopped with work under way; its claims run out by themselves",
                     {{"jobs", jobs_.in_flight()}, {"refreshes", tokens_.refreshing()}});
        std::_Exit(failed_ ? exit_failed : exit_ok);  // coroutines still hold on to what would die
    }
    log::info("stopped", "stopped", {{"ms", Clock::now() - began}});
}

provider::Provider* Daemon::find_provider(std::string_view name) const
{
    const auto found = providers_.find(name);
    return found == providers_.end() ? nullptr : found->second.get();
}

}  // namespace meetlink::daemon
