#include "web/event_stream.hpp"

#include <algorithm>

#include "base/json.hpp"

namespace meetlink::web {

namespace asio = boost::asio;

namespace {

/// RFC 4648 section 5: four characters are 24 bits.
constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t mark_characters = 4;

std::string encode(const std::vector<EventStream::Mark>& marks)
{
    std::string text;
    text.reserve(marks.size() * mark_characters);
    for (const auto mark : marks) {
        for (const int shift : {18, 12, 6, 0}) {
            text += alphabet[(mark >> shift) & 0x3F];
        }
    }
    return text;
}

/// Nothing when it is not of exactly `count` sessions.
std::optional<std::vector<EventStream::Mark>> decode(std::string_view text, std::size_t count)
{
    if (text.size() != count * mark_characters) {
        return std::nullopt;
    }
    std::vector<EventStream::Mark> marks(count);
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto digit = alphabet.find(text[i]);
        if (digit == std::string_view::npos) {
            return std::nullopt;
        }
        auto& mark = marks[i / mark_characters];
        mark = (mark << 6) | static_cast<EventStream::Mark>(digit);
    }
    return marks;
}

}  // namespace

EventStream::EventStream(asio::any_io_executor executor, std::vector<std::string> ids,
                         Condition::Clock::time_point ends)
    : ids_(std::move(ids)), ends_(ends), something_(executor)
{
}

void EventStream::begin(const std::vector<Mark>& now, std::string_view last_event_id)
{
    now_ = now;
    told_ = now;
    changed_.clear();
    if (last_event_id.empty()) {
        return;
    }
    const auto told = decode(last_event_id, ids_.size());
    for (std::size_t place = 0; place < ids_.size(); ++place) {
        // an id of other sessions says nothing of these: ask for all
        told_[place] = told ? (*told)[place] : now_[place] ^ 1U;
        if (told_[place] != now_[place]) {
            changed_.insert(place);
        }
    }
}

void EventStream::marked(std::size_t place, Mark now)
{
    now_[place] = now;
    if (told_[place] != now) {
        changed_.insert(place);
        something_.notify_all();
    }
}

void EventStream::begin_console(std::int64_t now, std::string_view last_event_id)
{
    console_now_ = now;
    console_ = last_event_id.empty() || last_event_id == std::to_string(now) ? now : now - 1;
}

void EventStream::console_marked(std::int64_t now)
{
    if (console_now_ != now) {
        console_now_ = now;
        something_.notify_all();
    }
}

std::string EventStream::event_id() const
{
    return console_ ? std::to_string(*console_) : encode(told_);
}

/// What is to be sent now, and forgotten.
std::string EventStream::take()
{
    std::string text;
    if (!std::exchange(begun_, true)) {
        // an id without data is no event, but what a reader that is cut off next comes back with
        text = "id: " + event_id() + "\n\n";
    }
    for (const auto place : std::exchange(changed_, {})) {
        if (told_[place] == now_[place]) {
            continue;  // changed, and back
        }
        told_[place] = now_[place];
        Json::Value data{Json::objectValue};
        data["session_id"] = ids_[place];
        text += "id: " + event_id() + "\nevent: session\ndata: " + write_json(data) + "\n\n";
    }
    if (console_ && *console_ != console_now_) {
        console_ = console_now_;
        text += "id: " + event_id() + "\nevent: console\ndata: {}\n\n";
    }
    return text;
}

asio::awaitable<std::optional<std::string>> EventStream::next()
{
    const auto beat = Condition::Clock::now() + heartbeat;
    while (!closed_ && Condition::Clock::now() < ends_) {
        auto text = take();
        if (!text.empty()) {
            co_return text;
        }
        const bool woken = co_await something_.wait_until(std::min(beat, ends_));
        if (!woken && Condition::Clock::now() < ends_) {
            co_return ": alive\n\n";
        }
    }
    co_return std::nullopt;
}

void EventStream::close()
{
    closed_ = true;
    something_.notify_all();
}

}  // namespace meetlink::web
