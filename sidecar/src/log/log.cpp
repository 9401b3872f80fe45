#include "log/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <utility>

#include "log/line.hpp"

namespace meetlink::log {
namespace {

struct State {
    std::shared_ptr<spdlog::logger> logger;
    Format format = Format::text;
};

std::shared_ptr<spdlog::logger> make_logger(spdlog::sink_ptr sink)
{
    auto logger = std::make_shared<spdlog::logger>("meetlinkd", std::move(sink));
    logger->set_pattern("%v");  // lines are made in line.cpp
    logger->set_level(spdlog::level::trace);
    logger->flush_on(spdlog::level::trace);  // a crash must not take the lines before it along
    logger->set_error_handler([](const std::string&) {});
    return logger;
}

/// The one global of the daemon: what is logged before main has a configuration must go somewhere.
State& state()
{
    static State instance{make_logger(std::make_shared<spdlog::sinks::stderr_sink_mt>())};
    return instance;
}

spdlog::level::level_enum to_spdlog(Level level)
{
    switch (level) {
        case Level::trace:
            return spdlog::level::trace;
        case Level::debug:
            return spdlog::level::debug;
        case Level::info:
            return spdlog::level::info;
        case Level::warning:
            return spdlog::level::warn;
        case Level::error:
            return spdlog::level::err;
    }
    return spdlog::level::info;
}

}  // namespace

std::atomic<Level> detail::threshold{Level::info};

void open(Level level, Format format, spdlog::sink_ptr sink)
{
    if (!sink) {
        sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    }
    state() = State{make_logger(std::move(sink)), format};
    detail::threshold.store(level, std::memory_order_relaxed);
}

void detail::write(Level level, std::string_view event, std::string_view message,
                   Fields fields) noexcept
{
    try {
        const Line line{std::chrono::system_clock::now(),
                        level,
                        event,
                        message,
                        {fields.begin(), fields.size()}};
        const State& current = state();
        const std::string text = current.format == Format::json ? json_line(line) : text_line(line);
        current.logger->log(to_spdlog(level), spdlog::string_view_t(text.data(), text.size()));
    } catch (const std::exception&) {
        // out of memory: the event's name is better than nothing
        std::fwrite(event.data(), 1, event.size(), stderr);
        std::fputc('\n', stderr);
    }
}

}  // namespace meetlink::log
