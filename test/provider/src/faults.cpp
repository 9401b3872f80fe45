#include "faults.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "json.hpp"

namespace meetlink::standin {

namespace {

// A misspelt key would make a fault that never strikes, and a test that proves nothing.
constexpr std::array known_keys{
    "provider",    "operation",   "account", "contains", "times",           "skip",
    "probability", "seed",        "effect",  "delay_ms", "answer_delay_ms", "act",
    "reset",       "status",      "body",    "headers",  "retry_after_s",   "retry_after_form",
    "bytes",       "interval_ms", "answers", "location"};

void check_keys(const Json::Value& description)
{
    if (!description.isObject()) throw BadInput{"a fault is a JSON object"};
    for (const auto& key : description.getMemberNames()) {
        if (std::ranges::find(known_keys, key) == known_keys.end()) {
            throw BadInput{"a fault has no \"" + key + "\""};
        }
    }
}

bool occurs_in(std::string_view wanted, const Request& request)
{
    const auto in = [&](std::string_view text) {
        return text.find(wanted) != std::string_view::npos;
    };
    return in(request.path) || in(request.query) || in(request.body);
}

}  // namespace

FaultRule::FaultRule(std::uint64_t id, const Json::Value& description,
                     const boost::asio::any_io_executor& executor)
    : id_(id),
      account_(text_of(description, "account")),
      contains_(text_of(description, "contains")),
      random_(description["seed"].isUInt64() ? description["seed"].asUInt64() : 1),
      effect_(parse_effect(description)),
      gate_(executor, boost::asio::steady_timer::time_point::max())
{
    if (const auto text = text_of(description, "provider"); !text.empty()) {
        provider_ = parse_provider(text);
        if (!provider_) throw BadInput{"unknown provider \"" + text + "\""};
    }
    if (const auto text = text_of(description, "operation"); !text.empty()) {
        operation_ = parse_operation(text);
        if (!operation_) throw BadInput{"unknown operation \"" + text + "\""};
    }
    const Json::Value& times = description["times"];
    if (times == "forever" || (times.isNull() && description.isMember("probability"))) {
        times_left_ = -1;
    } else if (times.isInt64() && times.asInt64() > 0) {
        times_left_ = times.asInt64();
    } else if (!times.isNull()) {
        throw BadInput{"times must be a positive number or \"forever\""};
    }
    if (description["skip"].isInt64()) skip_ = description["skip"].asInt64();
    if (description["probability"].isNumeric()) {
        probability_ = description["probability"].asDouble();
    }
}

bool FaultRule::hits(const Call& call, const Request& request)
{
    if (times_left_ == 0 || (provider_ && *provider_ != call.provider) ||
        (operation_ && *operation_ != call.operation) ||
        (!account_.empty() && account_ != call.account) ||
        (!contains_.empty() && !occurs_in(contains_, request))) {
        return false;
    }
    if (skip_ > 0) {
        --skip_;
        return false;
    }
    if (probability_ < 1.0 && std::uniform_real_distribution{}(random_) >= probability_) {
        return false;
    }
    if (times_left_ > 0) --times_left_;
    ++hits_;
    return true;
}

Json::Value FaultRule::describe() const
{
    Json::Value value;
    value["id"] = Json::UInt64{id_};
    value["effect"] = effect_.name;
    value["provider"] = provider_ ? Json::Value{std::string{name(*provider_)}} : Json::Value{};
    value["operation"] = operation_ ? Json::Value{std::string{name(*operation_)}} : Json::Value{};
    value["account"] = account_.empty() ? Json::Value{} : Json::Value{account_};
    value["hits"] = Json::Int64{hits_};
    value["times_left"] = times_left_ < 0 ? Json::Value{"forever"} : Json::Int64{times_left_};
    value["held"] = held_;
    return value;
}

boost::asio::awaitable<void> FaultRule::released()
{
    if (open_) co_return;
    ++held_;
    // The timer never expires: release() ends the wait by cancelling it.
    co_await gate_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    --held_;
}

void FaultRule::release()
{
    open_ = true;
    times_left_ = 0;
    gate_.cancel();
}

FaultRule& Faults::add(const Json::Value& description)
{
    check_keys(description);
    rules_.push_back(std::make_shared<FaultRule>(next_id_++, description, executor_));
    return *rules_.back();
}

std::shared_ptr<FaultRule> Faults::match(const Call& call, const Request& request)
{
    for (const auto& rule : rules_) {
        if (rule->hits(call, request)) return rule;
    }
    return nullptr;
}

FaultRule* Faults::find(std::uint64_t id)
{
    const auto found = std::ranges::find(rules_, id, [](const auto& rule) { return rule->id(); });
    return found == rules_.end() ? nullptr : found->get();
}

bool Faults::remove(std::uint64_t id)
{
    const auto found = std::ranges::find(rules_, id, [](const auto& rule) { return rule->id(); });
    if (found == rules_.end()) return false;
    (*found)->release();
    rules_.erase(found);
    return true;
}

void Faults::clear()
{
    for (const auto& rule : rules_) rule->release();
    rules_.clear();
}

}  // namespace meetlink::standin
