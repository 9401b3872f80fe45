#include "limits/limits.hpp"

#include <algorithm>

#include "log/log.hpp"

namespace meetlink::limits {

namespace asio = boost::asio;

bool concerns_the_provider(Reason reason)
{
    switch (reason) {
        case Reason::client_rejected:
        case Reason::api_disabled:
        case Reason::quota_exceeded:
        case Reason::answer_unreadable:
        case Reason::provider_unavailable:
        case Reason::provider_timeout:
        case Reason::network_error:
            return true;
        default:
            return false;
    }
}

bool rejects_the_application(Reason reason)
{
    return reason == Reason::client_rejected || reason == Reason::api_disabled;
}

namespace {

using Times = std::list<Limits::Clock::time_point>;

/// The first that has not stalled.
Times::const_iterator first_fresh(const Times& times, Limits::Clock::time_point now)
{
    return std::find_if(times.begin(), times.end(),
                        [now](auto since) { return since + stall_time > now; });
}

std::size_t count_stalled(const Times& times, Limits::Clock::time_point now)
{
    return static_cast<std::size_t>(std::distance(times.begin(), first_fresh(times, now)));
}

}  // namespace

Limits::Limits(asio::any_io_executor executor, std::map<std::string, ProviderLimits> providers,
               CircuitBreaker::Settings breaker)
    : executor_(executor), closing_(executor)
{
    const auto now = Clock::now();
    for (const auto& [name, limits] : providers) {
        providers_.emplace(name, Provider{.limits = limits,
                                          .bucket = TokenBucket{limits.max_per_second, now},
                                          .breaker = CircuitBreaker{breaker}});
    }
}

asio::awaitable<std::optional<Limits::Permit>> Limits::enter(token::ConnectionKey key)
{
    auto& provider = providers_.at(key.provider);
    auto& slots = connections_.try_emplace(key, executor_).first->second;
    {
        struct Waiting {
            int& count;
            Times& times;
            Times::iterator since;
            Waiting(int& waiting, Times& all)
                : count(waiting), times(all), since(all.insert(all.end(), Clock::now()))
            {
                ++count;
            }
            Waiting(const Waiting&) = delete;
            Waiting& operator=(const Waiting&) = delete;
            ~Waiting()
            {
                --count;
                times.erase(since);
            }
        };
        const Waiting waiting{slots.waiting, provider.waiting};
        while (!closed_ && slots.working >= provider.limits.max_per_connection) {
            co_await slots.freed.wait();
        }
        ++slots.working;
    }
    const auto since = provider.calling.insert(provider.calling.end(), Clock::now());
    // from here on it gives the slot back
    std::optional<Permit> permit{std::in_place, *this, key, since};
    const bool is_probe = provider.breaker.state(Clock::now()) == CircuitBreaker::State::half_open;
    if (closed_ || !provider.breaker.admit(Clock::now())) {
        permit->not_admitted();
        co_return std::nullopt;
    }
    const auto until = Clock::now() + provider.bucket.reserve(Clock::now());
    while (!closed_ && Clock::now() < until) {
        co_await closing_.wait_until(until);
    }
    if (closed_) {
        co_return std::nullopt;
    }
    // it may have opened while this one waited for its turn
    if (!is_probe && provider.breaker.state(Clock::now()) != CircuitBreaker::State::closed) {
        permit->not_admitted();
        co_return std::nullopt;
    }
    co_return permit;
}

Limits::Permit::~Permit()
{
    if (limits_ == nullptr) {
        return;
    }
    if (!reported_) {
        limits_->providers_.at(key_.provider).breaker.abandoned();
    }
    limits_->leave(key_, since_);
}

void Limits::Permit::succeeded()
{
    reported_ = true;
    auto& provider = limits_->providers_.at(key_.provider);
    provider.failing.clear();
    if (provider.breaker.succeeded()) {
        log::info("breaker_closed", "the provider works again", {{"provider", key_.provider}});
    }
}

void Limits::Permit::failed(const Failure& failure)
{
    if (!concerns_the_provider(failure.reason)) {
        succeeded();  // it answered, and about this job alone
        return;
    }
    reported_ = true;
    auto& provider = limits_->providers_.at(key_.provider);
    auto& breaker = provider.breaker;
    const bool was_closed = breaker.state(Clock::now()) == CircuitBreaker::State::closed;
    provider.failing.insert(key_.text());
    if (breaker.failed(Clock::now(), rejects_the_application(failure.reason),
                       provider.failing.size() == 1)) {
        provider.opened_at = was_closed ? Clock::now() : provider.opened_at;
        provider.why = code(failure.reason);
        log::warning("breaker_opened", "the provider fails, one job at a time will try it",
                     {{"provider", key_.provider},
                      {"reason", code(failure.reason)},
                      {"detail", failure.detail},
                      {"next_in", breaker.probe_at() - Clock::now()}});
    }
}

void Limits::leave(const token::ConnectionKey& key, Permit::Since since)
{
    providers_.at(key.provider).calling.erase(since);
    const auto found = connections_.find(key);
    --found->second.working;
    found->second.freed.notify_all();
    if (found->second.working == 0 && found->second.waiting == 0) {
        connections_.erase(found);
    }
    if (on_freed_) {
        on_freed_();
    }
}

std::vector<std::string> Limits::skip(Clock::time_point now)
{
    std::vector<std::string> keys;
    for (auto& [name, provider] : providers_) {
        if (provider.breaker.state(now) != CircuitBreaker::State::closed ||
            provider.bucket.available(now) == 0 ||
            count_stalled(provider.calling, now) >= provider.limits.max_stalled) {
            keys.push_back("/" + name);
        }
    }
    add_full_connections(keys);
    return keys;
}

std::optional<std::vector<std::string>> Limits::skip_for_probe(Clock::time_point now) const
{
    std::vector<std::string> keys;
    for (const auto& [name, provider] : providers_) {
        if (provider.breaker.state(now) != CircuitBreaker::State::half_open) {
            keys.push_back("/" + name);
        }
    }
    if (keys.size() == providers_.size()) {
        return std::nullopt;
    }
    add_full_connections(keys);
    return keys;
}

void Limits::add_full_connections(std::vector<std::string>& keys) const
{
    for (const auto& [key, slots] : connections_) {
        if (slots.working + slots.waiting >=
            providers_.at(key.provider).limits.max_per_connection) {
            keys.push_back(key.text());
        }
    }
}

std::vector<std::string> Limits::failed_probes() const
{
    std::vector<std::string> keys;
    for (const auto& [name, provider] : providers_) {
        keys.insert(keys.end(), provider.failing.begin(), provider.failing.end());
    }
    return keys;
}

void Limits::forget_failed_probes()
{
    for (auto& [name, provider] : providers_) {
        provider.failing.clear();
    }
}

std::size_t Limits::stalled(Clock::time_point now) const
{
    std::size_t count = 0;
    for (const auto& [name, provider] : providers_) {
        count += count_stalled(provider.waiting, now) + count_stalled(provider.calling, now);
    }
    return count;
}

Limits::Clock::time_point Limits::next_stall(Clock::time_point now) const
{
    auto next = Clock::time_point::max();
    for (const auto& [name, provider] : providers_) {
        for (const auto* times : {&provider.waiting, &provider.calling}) {
            const auto fresh = first_fresh(*times, now);
            next = fresh == times->end() ? next : std::min(next, *fresh + stall_time);
        }
    }
    return next;
}

Json::Value Limits::open_breakers(Clock::time_point now) const
{
    const auto seconds = [](Clock::duration time) {
        return Json::Int64{std::chrono::duration_cast<std::chrono::seconds>(time).count()};
    };
    Json::Value open{Json::arrayValue};
    for (const auto& [name, provider] : providers_) {
        if (provider.breaker.state(now) == CircuitBreaker::State::closed) {
            continue;
        }
        Json::Value one;
        one["provider"] = name;
        one["reason"] = provider.why;
        one["open_s"] = seconds(now - provider.opened_at);
        one["retry_in_s"] = seconds(std::max(provider.breaker.probe_at() - now, {}));
        open.append(std::move(one));
    }
    return open;
}

Limits::Clock::time_point Limits::next_change(Clock::time_point now)
{
    auto next = Clock::time_point::max();
    for (auto& [name, provider] : providers_) {
        if (provider.breaker.state(now) == CircuitBreaker::State::open) {
            // a probe that is under way reports by itself
            if (provider.breaker.probe_at() > now) {
                next = std::min(next, provider.breaker.probe_at());
            }
        } else if (provider.bucket.available(now) == 0) {
            next = std::min(next, provider.bucket.next(now));
        }
    }
    return next;
}

void Limits::close()
{
    closed_ = true;
    closing_.notify_all();
    for (auto& [key, slots] : connections_) {
        slots.freed.notify_all();
    }
}

}  // namespace meetlink::limits
