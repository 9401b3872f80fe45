#include "effect.hpp"

#include <algorithm>
#include <functional>

#include "errors.hpp"
#include "json.hpp"

namespace meetlink::standin {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t default_body_size = 10'000'000;

template <typename T>
T number_of(const Json::Value& rule, const char* key, T fallback)
{
    const Json::Value& value = rule[key];
    if (value.isNull()) return fallback;
    if (!value.isInt64() || value.asInt64() < 0) {
        throw BadInput{std::string{key} + " must be a whole number that is not negative"};
    }
    return static_cast<T>(value.asInt64());
}

struct EffectKind {
    std::string_view name;
    void (*set)(Effect&, const Json::Value& rule);
};

void set_twist(Effect& effect, Twist twist)
{
    effect.twist = twist;
}

void set_answer(Effect& effect, const Json::Value& rule)
{
    Answer answer;
    answer.status = number_of(rule, "status", 200);
    if (answer.status < 200 || answer.status > 599) {
        throw BadInput{"status must be between 200 and 599"};
    }
    const Json::Value& body = rule["body"];
    answer.body = body.isString() ? body.asString() : body.isNull() ? "" : to_text(body);
    if (body.isString() && answer.body.starts_with('<')) answer.content_type = html_type;
    effect.answer = std::move(answer);
    effect.act = false;
}

void set_conference(Effect& effect, const Json::Value& rule, int pending, ConferenceFate fate)
{
    effect.conference = {number_of(rule, "answers", pending), fate};
}

constexpr auto kinds = std::to_array<EffectKind>({
    {"delay", [](Effect&, const Json::Value&) {}},
    {"answer", set_answer},
    {"cut_before",
     [](Effect& e, const Json::Value&) {
         e.delivery = Delivery::cut;
         e.act = false;
     }},
    {"cut_after", [](Effect& e, const Json::Value&) { e.delivery = Delivery::cut; }},
    {"abort_before",
     [](Effect& e, const Json::Value&) {
         e.delivery = Delivery::abort;
         e.act = false;
     }},
    {"abort_after", [](Effect& e, const Json::Value&) { e.delivery = Delivery::abort; }},
    {"refuse",
     [](Effect& e, const Json::Value&) {
         e.delivery = Delivery::refuse;
         e.act = false;
     }},
    {"goaway", [](Effect& e, const Json::Value&) { e.delivery = Delivery::last; }},
    {"hang",
     [](Effect& e, const Json::Value&) {
         e.delivery = Delivery::hang;
         e.act = false;
     }},
    {"hang_after", [](Effect& e, const Json::Value&) { e.delivery = Delivery::hang; }},
    {"hold", [](Effect& e, const Json::Value&) { e.hold_before = true; }},
    {"hold_after", [](Effect& e, const Json::Value&) { e.hold_after = true; }},
    {"truncated", [](Effect& e, const Json::Value&) { e.delivery = Delivery::truncated; }},
    {"slow_drip",
     [](Effect& e, const Json::Value& rule) {
         e.delivery = Delivery::drip;
         e.drip_bytes = std::max<std::size_t>(1, number_of<std::size_t>(rule, "bytes", 16));
         e.drip_interval = milliseconds{number_of(rule, "interval_ms", 50)};
     }},
    {"body_size",
     [](Effect& e, const Json::Value& rule) {
         e.twist = Twist::big;
         e.body_size = number_of(rule, "bytes", default_body_size);
     }},
    {"ok_without_link", [](Effect& e, const Json::Value&) { set_twist(e, Twist::without_link); }},
    {"foreign_link", [](Effect& e, const Json::Value&) { set_twist(e, Twist::foreign_link); }},
    {"javascript_link",
     [](Effect& e, const Json::Value&) { set_twist(e, Twist::javascript_link); }},
    {"http_link", [](Effect& e, const Json::Value&) { set_twist(e, Twist::http_link); }},
    {"not_json", [](Effect& e, const Json::Value&) { set_twist(e, Twist::not_json); }},
    {"empty", [](Effect& e, const Json::Value&) { set_twist(e, Twist::empty); }},
    {"cut_json", [](Effect& e, const Json::Value&) { set_twist(e, Twist::cut_json); }},
    {"utf16", [](Effect& e, const Json::Value&) { set_twist(e, Twist::utf16); }},
    {"empty_page", [](Effect& e, const Json::Value&) { set_twist(e, Twist::empty_page); }},
    {"conference_pending",
     [](Effect& e, const Json::Value& r) { set_conference(e, r, 1, ConferenceFate::success); }},
    {"conference_failure",
     [](Effect& e, const Json::Value& r) { set_conference(e, r, 0, ConferenceFate::failure); }},
    {"conference_absent",
     [](Effect& e, const Json::Value& r) { set_conference(e, r, 0, ConferenceFate::absent); }},
    {"redirect",
     [](Effect& e, const Json::Value& rule) {
         e.answer = Answer{302, "", html_type, {}};
         e.headers.emplace_back("Location",
                                text_of(rule, "location", "https://elsewhere.example/"));
         e.act = false;
     }},
});

std::optional<seconds> parse_retry_after(const Json::Value& rule, RetryAfterForm& form)
{
    const auto text = text_of(rule, "retry_after_form", "seconds");
    if (text == "seconds") {
        form = RetryAfterForm::delta_seconds;
    } else if (text == "http_date") {
        form = RetryAfterForm::http_date;
    } else if (text == "iso") {
        form = RetryAfterForm::iso;
    } else {
        throw BadInput{"retry_after_form must be seconds, http_date or iso, not " + text};
    }
    if (rule["retry_after_s"].isNull()) return std::nullopt;
    return seconds{number_of(rule, "retry_after_s", 0)};
}

std::string retry_after_value(const Effect& effect, Time now)
{
    switch (effect.retry_after_form) {
        case RetryAfterForm::http_date:
            return http_date(now + *effect.retry_after);
        case RetryAfterForm::iso:
            return iso_time(now + *effect.retry_after);
        case RetryAfterForm::delta_seconds:
            break;
    }
    return std::to_string(effect.retry_after->count());
}

/// Visits every place where a provider's answer carries a join link.
void for_each_link(Json::Value& value, const std::function<void(Json::Value&, const char*)>& visit)
{
    if (value.isArray()) {
        for (auto& item : value) for_each_link(item, visit);
        return;
    }
    if (!value.isObject()) return;
    for (const char* key : {"hangoutLink", "join_url"}) {
        if (value.isMember(key)) visit(value, key);
    }
    if (text_of(value, "entryPointType") == "video" && value.isMember("uri")) visit(value, "uri");
    for (auto& member : value) for_each_link(member, visit);
}

void twist_links(Answer& answer, ProviderKind provider, Twist twist)
{
    auto body = parse_json(answer.body);
    if (!body) return;
    for_each_link(*body, [&](Json::Value& holder, const char* key) {
        const std::string link = holder[key].asString();
        switch (twist) {
            case Twist::without_link:
                holder.removeMember(key);
                break;
            case Twist::foreign_link:
                // Contains the right name, so that a check by substring is caught.
                holder[key] = provider == ProviderKind::google
                                  ? "https://meet.google.com.evil.example/aaa-bbbb-ccc"
                                  : "https://zoom.us.evil.example/j/1?pwd=x";
                break;
            case Twist::javascript_link:
                holder[key] = "javascript:alert('" + link + "')";
                break;
            case Twist::http_link:
                if (link.starts_with("https")) holder[key] = "http" + link.substr(5);
                break;
            default:
                break;
        }
    });
    answer.body = to_text(*body);
}

void twist_body(Answer& answer, const Effect& effect)
{
    switch (effect.twist) {
        case Twist::not_json:
            answer.body = "<!DOCTYPE html><html><body>Please sign in to the network.</body></html>";
            answer.content_type = html_type;
            break;
        case Twist::empty:
            answer.body.clear();
            break;
        case Twist::big: {
            // Well-formed, so that only a limit on the size can refuse it.
            constexpr std::string_view head = R"({"padding":")";
            constexpr std::string_view tail = R"("})";
            const auto frame = head.size() + tail.size();
            const auto size = std::max(effect.body_size, frame);
            answer.body.assign(head);
            answer.body.append(size - frame, 'x').append(tail);
            break;
        }
        case Twist::utf16: {
            std::string wide = "\xFF\xFE";  // little-endian
            for (const char c : answer.body) wide.append({c, '\0'});
            answer.body = std::move(wide);
            answer.content_type = "application/json; charset=utf-16";
            break;
        }
        case Twist::cut_json:
            answer.body.resize(answer.body.size() / 2);
            break;
        default:
            break;
    }
}

}  // namespace

std::optional<Operation> parse_operation(std::string_view text)
{
    if (text == "insert") return Operation::create;
    if (text == "patch" || text == "put") return Operation::update;
    const auto found = std::ranges::find(operation_names, text);
    if (found == operation_names.end()) return std::nullopt;
    return static_cast<Operation>(found - operation_names.begin());
}

std::vector<std::string_view> effect_names()
{
    std::vector<std::string_view> names;
    names.reserve(std::size(kinds));
    for (const auto& kind : kinds) names.push_back(kind.name);
    return names;
}

Effect parse_effect(const Json::Value& rule)
{
    Effect effect;
    effect.name = text_of(rule, "effect");
    const auto kind = std::ranges::find(kinds, effect.name, &EffectKind::name);
    if (kind != kinds.end()) {
        kind->set(effect, rule);
    } else if (find_error(effect.name) != nullptr) {
        effect.error = effect.name;
        effect.act = false;
    } else {
        throw BadInput{"unknown effect \"" + effect.name + "\"; GET /admin/faults/names lists all"};
    }
    effect.delay = milliseconds{number_of(rule, "delay_ms", 0)};
    effect.answer_delay = milliseconds{number_of(rule, "answer_delay_ms", 0)};
    effect.reset = rule["reset"] == true;
    if (rule["act"].isBool()) effect.act = rule["act"].asBool();
    effect.retry_after = parse_retry_after(rule, effect.retry_after_form);
    if (rule["headers"].isObject()) {
        for (const auto& header : rule["headers"].getMemberNames()) {
            effect.headers.emplace_back(header, text_of(rule["headers"], header.c_str()));
        }
    }
    return effect;
}

Answer apply(const Effect& effect, ProviderKind provider, Answer real, Time now)
{
    Answer answer = std::move(real);
    if (!effect.error.empty()) {
        answer = error_answer(effect.error, now);
    } else if (effect.answer) {
        answer = *effect.answer;
    }
    switch (effect.twist) {
        case Twist::none:
        case Twist::empty_page:
            break;
        case Twist::without_link:
        case Twist::foreign_link:
        case Twist::javascript_link:
        case Twist::http_link:
            twist_links(answer, provider, effect.twist);
            break;
        default:
            twist_body(answer, effect);
            break;
    }
    for (const auto& header : effect.headers) answer.headers.push_back(header);
    if (effect.retry_after) {
        std::erase_if(answer.headers, [](const auto& h) { return h.first == "Retry-After"; });
        answer.headers.emplace_back("Retry-After", retry_after_value(effect, now));
    }
    return answer;
}

}  // namespace meetlink::standin
