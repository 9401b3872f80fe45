#pragma once

#include <spdlog/common.h>

#include <atomic>
#include <initializer_list>
#include <string_view>

#include "config/config.hpp"
#include "log/field.hpp"

/// The daemon's log: one line per event to stderr, as JSON or as text (log.format), through spdlog.
///
///     log::info("link_created", "meeting link created", {{"session", id}, {"ms", 12}});
///
/// `event` is a stable snake_case name to search and count by; `message` is for people, lower-case,
/// without a full stop; the fields carry the values. Nothing here throws, and a Secret cannot be
/// passed. A disabled level costs one comparison; the fields are references, not copies.
namespace meetlink::log {

using Level = config::LogLevel;
using Format = config::LogFormat;
using Fields = std::initializer_list<Field>;

/// Sets level and format; before it is called, info and text. Tests pass a sink of their own.
void open(Level level, Format format, spdlog::sink_ptr sink = nullptr);

namespace detail {
extern std::atomic<Level> threshold;
void write(Level level, std::string_view event, std::string_view message, Fields fields) noexcept;
}  // namespace detail

/// For fields that are expensive to make.
[[nodiscard]] inline bool enabled(Level level) noexcept
{
    return level >= detail::threshold.load(std::memory_order_relaxed);
}

inline void write(Level level, std::string_view event, std::string_view message,
                  Fields fields = {}) noexcept
{
    if (enabled(level)) {
        detail::write(level, event, message, fields);
    }
}

inline void trace(std::string_view event, std::string_view message, Fields fields = {}) noexcept
{
    write(Level::trace, event, message, fields);
}

inline void debug(std::string_view event, std::string_view message, Fields fields = {}) noexcept
{
    write(Level::debug, event, message, fields);
}

inline void info(std::string_view event, std::string_view message, Fields fields = {}) noexcept
{
    write(Level::info, event, message, fields);
}

inline void warning(std::string_view event, std::string_view message, Fields fields = {}) noexcept
{
    write(Level::warning, event, message, fields);
}

inline void error(std::string_view event, std::string_view message, Fields fields = {}) noexcept
{
    write(Level::error, event, message, fields);
}

}  // namespace meetlink::log
