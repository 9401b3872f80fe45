#include "log/repeat_limiter.hpp"

#include <algorithm>
#include <utility>

namespace meetlink::log {

RepeatLimiter::RepeatLimiter(Clock::duration interval, std::size_t capacity)
    : interval_(interval), capacity_(std::max<std::size_t>(capacity, 1))
{
}

std::optional<std::uint64_t> RepeatLimiter::admit(std::string_view key, Clock::time_point now)
{
    if (const auto found = entries_.find(key); found != entries_.end()) {
        Entry& entry = found->second;
        if (now - entry.passed_at < interval_) {
            ++entry.silenced;
            return std::nullopt;
        }
        entry.passed_at = now;
        return std::exchange(entry.silenced, 0);
    }
    if (entries_.size() >= capacity_) {
        entries_.erase(std::ranges::min_element(
            entries_, {}, [](const auto& item) { return item.second.passed_at; }));
    }
    entries_.emplace(key, Entry{now});
    return 0;
}

std::vector<RepeatLimiter::Silenced> RepeatLimiter::expire(Clock::time_point now)
{
    std::vector<Silenced> result;
    std::erase_if(entries_, [&](const auto& item) {
        const auto& [key, entry] = item;
        if (now - entry.passed_at < interval_) {
            return false;
        }
        if (entry.silenced > 0) {
            result.push_back({key, entry.silenced});
        }
        return true;
    });
    return result;
}

}  // namespace meetlink::log
