// Zoom's list of one user's meetings, with its page tokens (PROVIDERS.md 2.2).

#include <algorithm>
#include <array>

#include "errors.hpp"
#include "json.hpp"
#include "zoom.hpp"

namespace meetlink::standin {

namespace {

constexpr std::size_t listed_agenda_limit = 250;
constexpr std::int64_t page_size_limit = 300;

// The list lacks tracking_fields, password, settings, status and start_url.
constexpr std::array listed_keys{"uuid",       "id",       "host_id",  "topic",      "type",
                                 "start_time", "duration", "timezone", "created_at", "join_url"};

Json::Value list_item(const Meeting& meeting)
{
    const auto resource = parse_json(meeting.resource).value();
    Json::Value item;
    for (const char* key : listed_keys) item[key] = resource[key];
    item["agenda"] = text_of(resource, "agenda").substr(0, listed_agenda_limit);
    return item;
}

bool belongs(const Meeting& meeting, std::string_view type, Time now)
{
    if (!meeting.listed) return false;
    const bool over = meeting.ends_at <= now;
    if (type == "previous_meetings") return over;
    if (type == "live") return false;  // nobody ever joins here
    return !over;                      // scheduled, upcoming, upcoming_meetings
}

/// "<position>.<issued, seconds>.<noise>"
struct PageToken {
    std::size_t position = 0;
    Time issued{};
};

std::string encode(const PageToken& token)
{
    const auto issued = std::chrono::floor<seconds>(token.issued).time_since_epoch().count();
    return std::to_string(token.position) + '.' + std::to_string(issued) + '.' +
           random_text(16, alphanumeric);
}

std::optional<PageToken> decode_page_token(std::string_view text)
{
    const auto first = text.find('.');
    const auto second = text.find('.', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
    const auto position = parse_integer(text.substr(0, first));
    const auto issued = parse_integer(text.substr(first + 1, second - first - 1));
    if (!position || *position < 0 || !issued) return std::nullopt;
    return PageToken{static_cast<std::size_t>(*position), Time{seconds{*issued}}};
}

}  // namespace

Answer Zoom::list(Account& account, const Request& request, const Effect* effect)
{
    const Parameters query{request.query};
    const auto type = query.find("type").value_or("scheduled");
    const auto page_size = parse_integer(query.find("page_size").value_or("30"));
    if (!page_size || *page_size < 1 || *page_size > page_size_limit) {
        return zoom_error(400, 300, "Validation Failed.");
    }
    std::size_t position = 0;
    if (const auto text = query.get("next_page_token"); !text.empty()) {
        const auto token = decode_page_token(text);
        if (!token || now_ >= token->issued + standin_.settings.page_token_life) {
            return error("zoom.300.page_token");
        }
        position = token->position;
    }
    const auto from = parse_time(std::string{query.get("from")} + "T00:00:00Z");
    const auto to = parse_time(std::string{query.get("to")} + "T23:59:59Z");
    const auto wanted = [&](const Meeting& meeting) {
        return !meeting.deleted && belongs(meeting, type, now_) &&
               (!from || meeting.starts_at >= *from) && (!to || meeting.starts_at <= *to);
    };

    Json::Value meetings{Json::arrayValue};
    std::string next_page_token;
    if (effect != nullptr && effect->twist == Twist::empty_page) {
        next_page_token = encode({position, now_});
    } else {
        for (; position < account.meetings.size(); ++position) {
            const Meeting& meeting = account.meetings[position];
            if (!wanted(meeting)) continue;
            if (meetings.size() == static_cast<Json::ArrayIndex>(*page_size)) {
                next_page_token = encode({position, now_});
                break;
            }
            meetings.append(list_item(meeting));
        }
    }
    Json::Value body;
    body["page_size"] = Json::Int64{*page_size};
    body["total_records"] =
        static_cast<Json::Int64>(std::ranges::count_if(account.meetings, wanted));
    body["next_page_token"] = next_page_token;
    body["meetings"] = std::move(meetings);
    return {200, to_text(body), json_type, {}};
}

}  // namespace meetlink::standin
