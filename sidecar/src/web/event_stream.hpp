#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/condition.hpp"
#include "web/message.hpp"

namespace meetlink::web {

/// One reader's server-sent events (HTML standard, section 9.2). An event only says "ask again", so a second one for the
/// same session before the first is sent adds nothing: what waits for a slow reader is bounded by what it watches.
///
/// Event ids hold what the reader was told last: a mark of each watched session's state, in order. A reader that comes back
/// with one is told of every session whose mark is another now, by whichever daemon, however long it was away.
class EventStream : public Stream {
public:
    /// 24 bits of a digest of a session's state (meetlink.session_marks).
    using Mark = std::uint32_t;

    static constexpr std::chrono::seconds heartbeat{15};

    /// `ids` are sorted; `ends`: the reader must open another by then.
    EventStream(boost::asio::any_io_executor executor, std::vector<std::string> ids,
                Condition::Clock::time_point ends);

    /// Begins with the marks as they are now, or with what a former stream's last event id says.
    void begin(const std::vector<Mark>& now, std::string_view last_event_id);
    /// The state of the session at `place` of the ids has this mark now.
    void marked(std::size_t place, Mark now);

    /// Begins a stream of topic `console`, whose state has this mark.
    void begin_console(std::int64_t now, std::string_view last_event_id);
    void console_marked(std::int64_t now);

    [[nodiscard]] const std::vector<std::string>& ids() const { return ids_; }
    [[nodiscard]] bool of_console() const { return console_.has_value(); }

    [[nodiscard]] boost::asio::awaitable<std::optional<std::string>> next() override;
    void close() override;

private:
    [[nodiscard]] std::string event_id() const;
    [[nodiscard]] std::string take();

    std::vector<std::string> ids_;
    std::vector<Mark> told_;  ///< in the order of the ids
    std::vector<Mark> now_;
    std::set<std::size_t> changed_;
    std::optional<std::int64_t> console_;  ///< told last
    std::int64_t console_now_ = 0;
    Condition::Clock::time_point ends_;
    bool begun_ = false;
    bool closed_ = false;
    Condition something_;
};

}  // namespace meetlink::web
