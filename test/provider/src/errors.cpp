#include "errors.hpp"

#include <json/value.h>

#include <algorithm>
#include <stdexcept>

#include "json.hpp"

namespace meetlink::standin {

const NamedError* find_error(std::string_view name)
{
    const auto errors = name.starts_with("google.") ? google_errors() : zoom_errors();
    const auto found = std::ranges::find(errors, name, &NamedError::name);
    return found == errors.end() ? nullptr : &*found;
}

Answer to_answer(const NamedError& error, Time now)
{
    Answer answer{error.status, std::string{error.body}, error.content_type, {}};
    if (error.headers == LimitHeaders::zoom_per_second) {
        const auto reset = std::chrono::floor<seconds>(now) + seconds{1};
        answer.headers = {{"X-RateLimit-Category", "Medium"},
                          {"X-RateLimit-Type", "QPS"},
                          {"X-RateLimit-Limit", "20"},
                          {"X-RateLimit-Remaining", "0"},
                          {"X-RateLimit-Reset", std::to_string(reset.time_since_epoch().count())}};
    } else if (error.headers == LimitHeaders::zoom_daily) {
        answer.headers = {{"X-RateLimit-Category", "Medium"},
                          {"X-RateLimit-Type", "Daily-limit"},
                          {"X-RateLimit-Limit", "100"},
                          {"X-RateLimit-Remaining", "0"},
                          {"Retry-After", iso_time(next_utc_midnight(now))}};
    }
    return answer;
}

Answer error_answer(std::string_view name, Time now)
{
    const auto* error = find_error(name);
    if (error == nullptr) throw std::logic_error{"no error is called " + std::string{name}};
    return to_answer(*error, now);
}

Answer zoom_error(int status, int code, std::string_view message)
{
    Json::Value body;
    body["code"] = code;
    body["message"] = std::string{message};
    return {status, to_text(body), json_type, {}};
}

Answer google_error(int status, std::string_view domain, std::string_view reason,
                    std::string_view message)
{
    Json::Value item;
    item["domain"] = std::string{domain};
    item["reason"] = std::string{reason};
    item["message"] = std::string{message};
    Json::Value body;
    body["error"]["code"] = status;
    body["error"]["message"] = std::string{message};
    body["error"]["errors"].append(item);
    return {status, to_text(body), json_type, {}};
}

}  // namespace meetlink::standin
