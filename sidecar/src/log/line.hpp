#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "log/field.hpp"

namespace meetlink::log {

/// What one line of the log says.
struct Line {
    std::chrono::system_clock::time_point time;
    config::LogLevel level{};
    std::string_view event;
    std::string_view message;
    std::span<const Field> fields;
};

/// {"ts":"2026-11-22T15:38:44.123Z","level":"info","event":"...","message":"...",<fields>}
/// One line of valid JSON in valid UTF-8, whatever the texts contain; without a newline at the end.
[[nodiscard]] std::string json_line(const Line& line);

/// 2026-11-22 15:38:44.123Z INFO  link_created: meeting link created (session=42 ms=12)
/// One line of printable text: values are quoted where they need it.
[[nodiscard]] std::string text_line(const Line& line);

}  // namespace meetlink::log
