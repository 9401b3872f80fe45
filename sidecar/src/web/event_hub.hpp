#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/condition.hpp"
#include "base/task_group.hpp"
#include "postgres/connection.hpp"
#include "web/event_stream.hpp"

namespace meetlink::web {

/// Tells the open event streams what has changed. Settling names its sessions in a notification (sql/60_settle.sql),
/// and what leaves none, like a link that somebody typed in, is found by looking at the watched sessions every two seconds.
/// All streams share the daemon's one LISTEN and one round of looking. Without streams it asks the database nothing.
class EventHub {
public:
    static constexpr std::chrono::seconds round{2};
    /// Of sessions that are looked at in one statement.
    static constexpr std::size_t batch = 2000;
    /// A stream ends by itself after this long, and its reader is identified anew.
    static constexpr std::chrono::hours longest{1};

    using Ask = std::function<boost::asio::awaitable<postgres::Answer>(
        postgres::Statement, std::vector<postgres::Parameter>)>;

    /// `ask` runs statements as the daemon.
    EventHub(boost::asio::any_io_executor executor, Ask ask, std::size_t most_streams);

    /// A stream of these sessions, which the caller may see; nothing when the database does not answer.
    [[nodiscard]] boost::asio::awaitable<std::shared_ptr<EventStream>> watch_sessions(
        std::vector<std::string> ids, std::string last_event_id, Condition::Clock::time_point ends);
    [[nodiscard]] boost::asio::awaitable<std::shared_ptr<EventStream>> watch_console(
        std::string last_event_id, Condition::Clock::time_point ends);

    /// No room for another stream.
    [[nodiscard]] bool full();
    /// A notification: a JSON array of sessions, or something else when there are too many to name.
    void heard(std::string_view payload);
    /// Ends every stream.
    void close();
    [[nodiscard]] boost::asio::awaitable<bool> joined_until(Condition::Clock::time_point deadline)
    {
        return looking_.joined_until(deadline);
    }

private:
    struct Reader {
        std::weak_ptr<EventStream> stream;
        std::size_t place = 0;
    };
    struct Watched {
        EventStream::Mark mark = 0;
        std::vector<Reader> readers;
    };

    void joined(const std::shared_ptr<EventStream>& stream);
    [[nodiscard]] boost::asio::awaitable<void> look();
    [[nodiscard]] boost::asio::awaitable<bool> look_at(std::vector<std::string> ids);
    [[nodiscard]] boost::asio::awaitable<bool> look_at_console();
    [[nodiscard]] boost::asio::awaitable<void> expect_notifications();
    [[nodiscard]] std::vector<std::string> next_batch();
    void forget_readers();

    boost::asio::any_io_executor executor_;
    Ask ask_;
    std::size_t most_streams_;
    std::set<std::weak_ptr<EventStream>, std::owner_less<>> streams_;
    std::map<std::string, Watched, std::less<>> watched_;
    std::set<std::string> named_;  ///< in notifications, not looked at yet
    std::string round_at_;         ///< the last id looked at in this round
    std::int64_t console_mark_ = 0;
    Condition::Clock::time_point expected_at_{};
    bool closed_ = false;
    bool running_ = false;
    Condition woken_;
    TaskGroup looking_;
};

}  // namespace meetlink::web
