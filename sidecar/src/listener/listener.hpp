#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "postgres/session.hpp"

namespace meetlink {

/// Hears the doorbell: LISTEN meetlink on a session of its own. Rings after every (re)connect, since
/// something may have been missed, and replaces a connection that no longer delivers.
class Listener {
public:
    static constexpr int missed_probes = 2;
    /// A probe that has not come back after this long is missed.
    static constexpr std::chrono::seconds probe_patience{1};

    /// `other` is any other session of the daemon: to recognise a pooler that mixes server sessions.
    Listener(postgres::Session& session, postgres::Session& other, std::function<void()> ring);

    /// Called with each payload of channel meetlink_events.
    void on_events(std::function<void(std::string_view payload)> callback)
    {
        on_events_ = std::move(callback);
    }

    /// A probe to be sent through the channel (housekeep's `probe`) by daemon `daemon_id`. When the
    /// last ones did not come back, the connection is replaced.
    [[nodiscard]] std::string next_probe(std::int64_t daemon_id);

    /// How long ago the last probe came back; nothing: none has yet.
    [[nodiscard]] std::optional<std::chrono::milliseconds> heard_ago() const;

    /// Rings heard so far.
    [[nodiscard]] std::uint64_t notifications() const { return notifications_; }

private:
    [[nodiscard]] boost::asio::awaitable<std::optional<postgres::Error>> listen(
        postgres::Connection& connection);
    void heard(std::string_view payload);

    postgres::Session& session_;
    postgres::Session& other_;
    std::function<void()> ring_;
    std::function<void(std::string_view)> on_events_;
    std::uint64_t probes_ = 0;
    std::uint64_t notifications_ = 0;
    std::string expected_;
    Condition::Clock::time_point sent_at_{};
    std::optional<Condition::Clock::time_point> heard_at_;
    int missed_ = 0;
};

}  // namespace meetlink
