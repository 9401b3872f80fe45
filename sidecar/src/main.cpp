#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "base/what.hpp"
#include "base/wiping_memory.hpp"
#include "config/command_line.hpp"
#include "config/load.hpp"
#include "config/report.hpp"
#include "daemon/daemon.hpp"
#include "log/log.hpp"
#include "version.hpp"

namespace {

namespace asio = boost::asio;
using namespace meetlink;

/// The first SIGTERM or SIGINT stops, the second one ends the process at once.
void watch_signals(asio::signal_set& signals, daemon::Daemon& meetlinkd, bool stopping)
{
    signals.async_wait(
        [&signals, &meetlinkd, stopping](boost::system::error_code over, int signal) {
            if (over) {
                return;
            }
            if (signal == SIGHUP) {
                log::info("ignored", "SIGHUP: the configuration is read at start only", {});
            } else if (stopping) {
                std::_Exit(128 + signal);
            } else {
                log::info("signal", "asked to stop", {{"signal", signal}});
                meetlinkd.stop();
            }
            watch_signals(signals, meetlinkd, stopping || signal != SIGHUP);
        });
}

int run(config::Config& config, daemon::Mode mode)
{
    asio::io_context loop{1};  // one thread
    daemon::Daemon meetlinkd{loop, config, mode};
    // the cipher has derived its keys
    config.tokens.encryption_key = {};
    config.tokens.previous_keys.clear();
    asio::signal_set signals{loop, SIGTERM, SIGINT, SIGHUP};
    watch_signals(signals, meetlinkd, false);

    int status = daemon::exit_failed;
    asio::co_spawn(loop, meetlinkd.run(), [&](const std::exception_ptr& thrown, int result) {
        status = thrown ? daemon::exit_failed : result;
        if (thrown) {
            log::error("internal_defect", "the daemon ended by an unexpected exception",
                       {{"error", what(thrown)}});
            std::_Exit(status);
        }
        signals.cancel();
    });
    loop.run();
    return status;
}

}  // namespace

int main(int argc, char** argv)
{
    wipe_freed_memory();
    const auto asked = config::parse_command_line(argc, argv, version);
    if (const auto* answered = std::get_if<config::Exit>(&asked)) {
        std::cout << answered->out;
        std::cerr << answered->err;
        return answered->status;
    }
    const auto& command = std::get<config::Command>(asked);

    auto read = config::load(command.config_file, config::current_environment());
    if (const auto* wrong = std::get_if<config::Errors>(&read)) {
        std::cerr << config::render("error", wrong->errors)
                  << config::render("warning", wrong->warnings);
        return daemon::exit_unusable;
    }
    auto& loaded = std::get<config::Loaded>(read);
    std::cerr << config::render("warning", loaded.warnings);
    if (command.check) {
        std::cout << config::effective_values(loaded);
    }
    log::open(loaded.config.log.level, loaded.config.log.format);

    std::signal(SIGPIPE, SIG_IGN);
    return run(loaded.config, command.check       ? daemon::Mode::check
                              : command.once      ? daemon::Mode::once
                              : command.reencrypt ? daemon::Mode::reencrypt
                                                  : daemon::Mode::serve);
}
