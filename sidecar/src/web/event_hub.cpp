#include "web/event_hub.hpp"

#include <algorithm>

#include "base/json.hpp"

namespace meetlink::web {

namespace asio = boost::asio;
using Clock = Condition::Clock;
using postgres::Parameter;
using postgres::Statement;

namespace {

constexpr Statement marks_statement{"session_marks",
                                    "select m.session_id, m.mark from "
                                    "meetlink.session_marks($1::text[]) m"};
constexpr Statement console_statement{"console_mark", "select meetlink.console_mark() as mark"};
constexpr Statement expect_statement{"expect_readers",
                                     "select meetlink.expect_readers($1::interval)"};

/// Settling names sessions for this long after a daemon with readers has said so.
constexpr std::chrono::seconds expected_for{60};

}  // namespace

EventHub::EventHub(asio::any_io_executor executor, Ask ask, std::size_t most_streams)
    : executor_(executor),
      ask_(std::move(ask)),
      most_streams_(most_streams),
      woken_(executor),
      looking_(executor)
{
}

bool EventHub::full()
{
    forget_readers();
    return closed_ || streams_.size() >= most_streams_;
}

asio::awaitable<std::shared_ptr<EventStream>> EventHub::watch_sessions(std::vector<std::string> ids,
                                                                       std::string last_event_id,
                                                                       Clock::time_point ends)
{
    std::sort(ids.begin(), ids.end());
    auto stream = std::make_shared<EventStream>(executor_, ids, ends);
    // known to the hub before the look, so that no change falls in between
    for (std::size_t place = 0; place < ids.size(); ++place) {
        watched_[ids[place]].readers.push_back({.stream = stream, .place = place});
    }
    std::vector<EventStream::Mark> none(ids.size());
    stream->begin(none, {});
    joined(stream);
    co_await expect_notifications();
    const bool looked = co_await look_at(ids);
    if (!looked) {
        co_return nullptr;
    }
    std::vector<EventStream::Mark> now;
    now.reserve(ids.size());
    for (const auto& id : ids) {
        now.push_back(watched_[id].mark);
    }
    stream->begin(now, last_event_id);
    co_return stream;
}

asio::awaitable<std::shared_ptr<EventStream>> EventHub::watch_console(std::string last_event_id,
                                                                      Clock::time_point ends)
{
    auto stream = std::make_shared<EventStream>(executor_, std::vector<std::string>{}, ends);
    const bool looked = co_await look_at_console();
    if (!looked) {
        co_return nullptr;
    }
    stream->begin_console(console_mark_, last_event_id);
    joined(stream);
    co_return stream;
}

void EventHub::joined(const std::shared_ptr<EventStream>& stream)
{
    streams_.insert(stream);
    if (!std::exchange(running_, true)) {
        looking_.spawn("event hub", look());
    }
}

void EventHub::heard(std::string_view payload)
{
    if (watched_.empty()) {
        return;
    }
    const auto ids = parse_json(payload);
    if (ids && ids->isArray()) {
        for (const auto& id : *ids) {
            if (id.isString() && watched_.contains(id.asString())) {
                named_.insert(id.asString());
            }
        }
    } else {
        for (const auto& [id, watched] : watched_) {
            named_.insert(id);
        }
    }
    if (!named_.empty()) {
        woken_.notify_all();
    }
}

/// Runs while there are streams.
asio::awaitable<void> EventHub::look()
{
    auto round_begins = Clock::now() + round;
    while (!closed_) {
        forget_readers();
        if (streams_.empty()) {
            break;
        }
        if (named_.empty() && Clock::now() < round_begins) {
            co_await woken_.wait_until(round_begins);
        }
        if (!named_.empty()) {
            const auto begin = named_.begin();
            const auto end = named_.size() > batch ? std::next(begin, batch) : named_.end();
            std::vector<std::string> ids{begin, end};
            named_.erase(begin, end);
            co_await look_at(std::move(ids));
        }
        if (Clock::now() >= round_begins) {
            round_begins = Clock::now() + round;
            co_await expect_notifications();
            auto ids = next_batch();
            if (!ids.empty()) {
                co_await look_at(std::move(ids));
            }
            const bool console = std::any_of(streams_.begin(), streams_.end(), [](const auto& one) {
                const auto stream = one.lock();
                return stream && stream->of_console();
            });
            if (console) {
                co_await look_at_console();
            }
        }
    }
    running_ = false;
}

/// False: the database did not answer.
asio::awaitable<bool> EventHub::look_at(std::vector<std::string> ids)
{
    std::vector<Parameter> parameters{postgres::array_literal(ids)};
    const auto answer = co_await ask_(marks_statement, std::move(parameters));
    if (!answer) {
        co_return false;  // the next round looks again
    }
    for (std::size_t row = 0; row < answer->size(); ++row) {
        const auto found = watched_.find((*answer)[row].get<std::string>("session_id"));
        if (found == watched_.end()) {
            continue;
        }
        found->second.mark = (*answer)[row].get<EventStream::Mark>("mark");
        for (const auto& reader : found->second.readers) {
            if (const auto stream = reader.stream.lock()) {
                stream->marked(reader.place, found->second.mark);
            }
        }
    }
    co_return true;
}

asio::awaitable<bool> EventHub::look_at_console()
{
    std::vector<Parameter> none;
    const auto answer = co_await ask_(console_statement, std::move(none));
    if (!answer) {
        co_return false;
    }
    console_mark_ = answer->only().get<std::int64_t>("mark");
    for (const auto& one : streams_) {
        const auto stream = one.lock();
        if (stream && stream->of_console()) {
            stream->console_marked(console_mark_);
        }
    }
    co_return true;
}

/// Says so once in a while, since a daemon may die with readers.
asio::awaitable<void> EventHub::expect_notifications()
{
    if (Clock::now() < expected_at_) {
        co_return;
    }
    expected_at_ = Clock::now() + expected_for / 2;
    std::vector<Parameter> parameters{postgres::interval(expected_for)};
    const auto answer = co_await ask_(expect_statement, std::move(parameters));
    if (!answer) {
        expected_at_ = {};
    }
}

/// The next of the watched sessions, in turn.
std::vector<std::string> EventHub::next_batch()
{
    std::vector<std::string> ids;
    auto next = watched_.upper_bound(round_at_);
    for (; next != watched_.end() && ids.size() < batch; ++next) {
        ids.push_back(next->first);
    }
    round_at_ = next == watched_.end() ? std::string{} : ids.back();
    return ids;
}

void EventHub::forget_readers()
{
    if (std::erase_if(streams_, [](const auto& one) { return one.expired(); }) == 0) {
        return;
    }
    for (auto one = watched_.begin(); one != watched_.end();) {
        std::erase_if(one->second.readers,
                      [](const Reader& reader) { return reader.stream.expired(); });
        one = one->second.readers.empty() ? watched_.erase(one) : std::next(one);
    }
}

void EventHub::close()
{
    closed_ = true;
    for (const auto& one : streams_) {
        if (const auto stream = one.lock()) {
            stream->close();
        }
    }
    woken_.notify_all();
}

}  // namespace meetlink::web
