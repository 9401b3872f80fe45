#include "listener/listener.hpp"

#include "log/log.hpp"

namespace meetlink {

namespace asio = boost::asio;
using postgres::Error;

namespace {

constexpr postgres::Statement listen_statement{"listen", "listen meetlink"};

/// What settling says to readers of the event streams (sql/60_settle.sql).
constexpr std::string_view events_channel = "meetlink_events";
constexpr postgres::Statement listen_events_statement{"listen_events", "listen meetlink_events"};

constexpr postgres::Statement who_statement{
    "who_listens",
    "select pg_backend_pid() as pid, "
    "exists (select from pg_listening_channels() c where c = 'meetlink') as listening"};

Error pooler()
{
    Error error;
    error.message = "the database connection goes through a transaction pooler";
    error.hint =
        "Give meetlinkd a direct connection or a pool in session mode: LISTEN and prepared "
        "statements need one server session each.";
    return error;
}

}  // namespace

Listener::Listener(postgres::Session& session, postgres::Session& other, std::function<void()> ring)
    : session_(session), other_(other), ring_(std::move(ring))
{
    session_.on_connect([this](postgres::Connection& connection) { return listen(connection); });
    session_.on_notify([this](std::string_view channel, std::string_view payload) {
        if (channel != events_channel) {
            heard(payload);
        } else if (on_events_) {
            on_events_(payload);
        }
    });
}

/// LISTEN, and proof that it is this connection's own server session that listens: a pooler in
/// transaction mode hands the session that listens to whoever asks next.
asio::awaitable<std::optional<Error>> Listener::listen(postgres::Connection& connection)
{
    const auto listened = co_await connection.query(listen_statement);
    if (!listened) {
        co_return listened.error();
    }
    const auto events = co_await connection.query(listen_events_statement);
    if (!events) {
        co_return events.error();
    }
    const auto before = co_await connection.query(who_statement);
    if (!before) {
        co_return before.error();
    }
    const auto elsewhere = co_await other_.query(who_statement);
    const auto after = co_await connection.query(who_statement);
    if (!after) {
        co_return after.error();
    }
    const auto pid = before->only().get<int>("pid");
    const bool own = after->only().get<int>("pid") == pid &&
                     before->only().get<bool>("listening") && after->only().get<bool>("listening");
    const bool shared = elsewhere && (elsewhere->only().get<int>("pid") == pid ||
                                      elsewhere->only().get<bool>("listening"));
    if (!own || shared) {
        co_return pooler();
    }
    missed_ = 0;
    expected_.clear();
    ring_();
    co_return std::nullopt;
}

void Listener::heard(std::string_view payload)
{
    if (payload.starts_with("probe ")) {
        if (payload == expected_) {
            expected_.clear();
            heard_at_ = Condition::Clock::now();
            missed_ = 0;
        }
        return;
    }
    ++notifications_;
    ring_();
}

std::optional<std::chrono::milliseconds> Listener::heard_ago() const
{
    if (!heard_at_) {
        return std::nullopt;
    }
    return std::chrono::duration_cast<std::chrono::milliseconds>(Condition::Clock::now() -
                                                                 *heard_at_);
}

std::string Listener::next_probe(std::int64_t daemon_id)
{
    const auto now = Condition::Clock::now();
    if (!expected_.empty() && now - sent_at_ < probe_patience) {
        return expected_;  // still on its way; it may as well come twice
    }
    if (!expected_.empty() && session_.connected() && ++missed_ >= missed_probes) {
        log::warning("listen_replaced", "notifications do not arrive, replacing the connection",
                     {{"missed_probes", missed_}});
        missed_ = 0;
        session_.replace("notifications did not arrive");
    }
    sent_at_ = now;
    expected_ = "probe " + std::to_string(daemon_id) + " " + std::to_string(++probes_);
    return expected_;
}

}  // namespace meetlink
