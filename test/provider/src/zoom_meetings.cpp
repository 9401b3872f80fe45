// Zoom's meetings: create, get, update, delete, status (PROVIDERS.md 2.2 to 2.4). Lists: zoom_list.cpp.

#include <algorithm>
#include <array>
#include <utility>

#include "errors.hpp"
#include "json.hpp"
#include "zoom.hpp"

namespace meetlink::standin {

namespace {

constexpr std::size_t topic_limit = 200;
constexpr std::size_t agenda_limit = 2000;
constexpr std::size_t password_limit = 10;

struct Scopes {
    std::string_view granular;
    std::string_view classic;
};

Scopes scopes_for(Operation operation)
{
    switch (operation) {
        case Operation::create:
            return {"meeting:write:meeting", "meeting:write"};
        case Operation::get:
            return {"meeting:read:meeting", "meeting:read"};
        case Operation::list:
            return {"meeting:read:list_meetings", "meeting:read"};
        case Operation::update:
            return {"meeting:update:meeting", "meeting:write"};
        case Operation::remove:
            return {"meeting:delete:meeting", "meeting:write"};
        default:
            return {"meeting:update:status", "meeting:write"};
    }
}

bool may(const Account& account, const Scopes& scopes)
{
    std::string_view granted = account.options.scope;
    while (!granted.empty()) {
        auto scope = granted.substr(0, granted.find(' '));
        granted.remove_prefix(std::min(granted.size(), scope.size() + 1));
        if (scope.ends_with(":admin")) scope.remove_suffix(6);
        if (scope == scopes.granular || scope == scopes.classic) return true;
    }
    return false;
}

/// What lists and tests filter by. The tag is the first word of the agenda, where a client puts it.
void set_fields(Meeting& meeting, std::string_view agenda, const Json::Value& type, Time start,
                const Json::Value& duration)
{
    meeting.tag = agenda.substr(0, agenda.find_first_of(" \t\r\n"));
    meeting.listed = type != 1;
    meeting.starts_at = start;
    meeting.ends_at = start + std::chrono::minutes{duration.asInt()};
}

/// Field and complaint of the first thing that Zoom's schema does not allow; empty field: all is well.
std::pair<std::string_view, std::string_view> validation_error(const Json::Value& body)
{
    const auto longer = [&](std::string_view key, std::size_t limit) {
        const auto* text = find_member(body, key);
        return text != nullptr && (!text->isString() || view_of(*text).size() > limit);
    };
    if (longer("topic", topic_limit))
        return {"topic", "The topic must have at most 200 characters."};
    if (longer("agenda", agenda_limit))
        return {"agenda", "The agenda must have at most 2000 characters."};
    if (longer("password", password_limit))
        return {"password", "The password must have at most 10 characters."};
    if (const auto* duration = find_member(body, "duration");
        duration != nullptr && !duration->isInt()) {
        return {"duration", "Invalid field."};
    }
    if (const auto* type = find_member(body, "type")) {
        constexpr std::array types{1, 2, 3, 8, 10};
        if (!type->isInt() || std::ranges::find(types, type->asInt()) == types.end()) {
            return {"type", "Invalid field."};
        }
    }
    if (body.isMember("start_time") && !parse_time(text_of(body, "start_time"))) {
        return {"start_time", "Invalid field."};
    }
    if (const auto* settings = find_member(body, "settings");
        settings != nullptr && !settings->isObject()) {
        return {"settings", "Invalid field."};
    }
    return {};
}

Answer validation_answer(std::string_view field, std::string_view message)
{
    Json::Value item;
    item["field"] = std::string{field};
    item["message"] = std::string{message};
    Json::Value body;
    body["code"] = 300;
    body["message"] = "Validation Failed.";
    body["errors"].append(item);
    return {400, to_text(body), json_type, {}};
}

/// A setting that an account here has.
struct Setting {
    std::string_view name;
    Json::ValueType type;
    std::string_view standard;  ///< JSON
};

constexpr auto account_settings = std::to_array<Setting>({
    {"host_video", Json::booleanValue, "false"},
    {"participant_video", Json::booleanValue, "false"},
    {"waiting_room", Json::booleanValue, "true"},
    {"join_before_host", Json::booleanValue, "false"},  // after waiting_room, which rules it out
    {"jbh_time", Json::intValue, "0"},
    {"mute_upon_entry", Json::booleanValue, "false"},
    {"watermark", Json::booleanValue, "false"},
    {"use_pmi", Json::booleanValue, "false"},
    {"approval_type", Json::intValue, "2"},
    {"audio", Json::stringValue, R"("both")"},
    {"auto_recording", Json::stringValue, R"("none")"},
    {"meeting_authentication", Json::booleanValue, "false"},
    {"email_notification", Json::booleanValue, "true"},
    {"alternative_hosts", Json::stringValue, R"("")"},
    {"registrants_email_notification", Json::booleanValue, "true"},
    {"registrants_confirmation_email", Json::booleanValue, "true"},
    {"show_share_button", Json::booleanValue, "true"},
    {"encryption_type", Json::stringValue, R"("enhanced_encryption")"},
});

/// A meeting's settings: what a request wants, else what it has already. What an account here does not
/// have is dropped silently, as Zoom does.
void append_settings(std::string& out, const Json::Value& wanted, const Json::Value& present = {})
{
    bool waiting_room = true;
    char separator = '{';
    for (const auto& [name, type, standard] : account_settings) {
        const auto* value = find_member(wanted, name);
        if (value == nullptr || value->type() != type) value = find_member(present, name);
        if (name == "waiting_room" && value != nullptr) waiting_room = value->asBool();
        if (name == "join_before_host" && waiting_room) value = nullptr;
        out += std::exchange(separator, ',');
        out.append("\"").append(name).append("\":");
        if (value != nullptr) {
            append_text(out, *value);
        } else {
            out += standard;
        }
    }
    out += '}';
}

}  // namespace

Answer Zoom::error(std::string_view name) const
{
    return error_answer(name, now_);
}

bool Zoom::take_daily(Account& account)
{
    const auto today = std::chrono::floor<std::chrono::days>(now_);
    if (account.usage_day != today) {
        account.usage_day = today;
        account.usage = 0;
    }
    if (account.options.daily_limit > 0 && account.usage >= account.options.daily_limit)
        return false;
    ++account.usage;
    return true;
}

Answer Zoom::act(const Call& call, const Request& request, const Effect* effect)
{
    if (call.operation == Operation::token) return token(request);
    if (call.operation == Operation::revoke) return revoke(request);
    if (call.operation == Operation::other) {
        return zoom_error(404, 2300, "This API endpoint is not recognized.");
    }
    const auto bearer = bearer_token(request.authorization);
    const auto [state, account] = standin_.store.check_access(ProviderKind::zoom, bearer, now_);
    if (state == TokenState::expired) return error("zoom.124");
    if (state != TokenState::valid) return error("zoom.124.invalid");
    if (const auto scopes = scopes_for(call.operation); !may(*account, scopes)) {
        const std::string needed{scopes.granular};
        return zoom_error(400, 4711,
                          "Invalid access token, does not contain scopes:[" + needed + ":admin, " +
                              needed + "].");
    }
    if (call.operation == Operation::create || call.operation == Operation::list) {
        if (call.owner != "me" && call.owner != account->name && call.owner != account->user_id) {
            // A user-level token speaks for its own user only.
            return standin_.store.find_account(ProviderKind::zoom, call.owner) != nullptr
                       ? error("zoom.4700.400")
                       : zoom_error(404, 1001, "User does not exist: " + call.owner + ".");
        }
        return call.operation == Operation::create ? create(*account, request)
                                                   : list(*account, request, effect);
    }
    auto* meeting = account->find_meeting(call.id);
    const bool recover = call.operation == Operation::status;
    if (meeting == nullptr || (meeting->deleted && !recover)) {
        return zoom_error(404, 3001, "Meeting does not exist: " + call.id + ".");
    }
    switch (call.operation) {
        case Operation::get:
            return get(*meeting);
        case Operation::update:
            return update(*account, *meeting, request);
        case Operation::status:
            return status(*meeting, request);
        default:
            break;
    }
    meeting->deleted = true;
    return {204, {}, json_type, {}};
}

Meeting& Zoom::make(Account& account, const Json::Value& body, bool by_human)
{
    constexpr std::string_view digits = "0123456789";
    // 11 digits do not fit 32 bits, on purpose.
    static std::int64_t next_id = 81'000'000'000;
    next_id += 7;
    const auto pwd = random_text(32, alphanumeric) + ".1";
    const auto password = text_of(body, "password", random_text(6, digits));
    const auto agenda = text_of(body, "agenda");
    const auto duration = body.get("duration", 60);
    const auto given_start = parse_time(text_of(body, "start_time"));
    const auto start = given_start.value_or(std::chrono::floor<seconds>(now_));
    auto type = body.get("type", 2);
    // A scheduled meeting without a start becomes an instant one.
    if (!given_start && type == 2) type = 1;

    Meeting meeting;
    meeting.id = std::to_string(next_id);
    meeting.by_human = by_human;
    set_fields(meeting, agenda, type, start, duration);

    // Text, not a tree: this is where the stand-in spends its time under load.
    std::string& text = meeting.resource;
    text.reserve(1800);
    text.append(R"({"status":"waiting","pre_schedule":false,"id":)").append(meeting.id) += ',';
    append_member(text, "uuid", random_text(22, alphanumeric) + "==");
    append_member(text, "host_id", account.user_id);
    append_member(text, "host_email", account.name);
    append_member(text, "topic", text_of(body, "topic", "Zoom Meeting"));
    append_member(text, "timezone", text_of(body, "timezone", "UTC"));
    append_member(text, "created_at", iso_time(now_));
    append_member(text, "start_time", iso_time(start));
    append_member(text, "agenda", agenda);
    append_member(text, "password", password);
    append_member(text, "encrypted_password", pwd);
    append_member(text, "h323_password", password);
    append_member(text, "pstn_password", password);
    append_member(text, "join_url", "https://us05web.zoom.us/j/" + meeting.id + "?pwd=" + pwd);
    append_member(text, "start_url",
                  "https://us05web.zoom.us/s/" + meeting.id + "?zak=standin-secret-start-url-" +
                      random_text(32, alphanumeric));
    append_member(text, "creation_source", by_human ? "web_portal" : "open_api");
    append_text(text += R"("type":)", type);
    append_text(text += R"(,"duration":)", duration);
    append_settings(text += R"(,"settings":)", body["settings"]);
    if (const Json::Value& fields = body["tracking_fields"]; fields.isArray()) {
        append_text(text += R"(,"tracking_fields":)", fields);
    }
    text += '}';
    return account.add_meeting(std::move(meeting));
}

Answer Zoom::create(Account& account, const Request& request)
{
    const auto body = parse_json(request.body);
    if (!body || !body->isObject()) return error("zoom.300.json");
    const auto [field, message] = validation_error(*body);
    if (!field.empty()) return validation_answer(field, message);
    if (!take_daily(account)) return error("zoom.user_daily");
    return {201, make(account, *body, false).resource, json_type, {}};
}

Answer Zoom::get(const Meeting& meeting)
{
    return {200, meeting.resource, json_type, {}};
}

Answer Zoom::update(Account& account, Meeting& meeting, const Request& request)
{
    const auto body = parse_json(request.body);
    if (!body || !body->isObject()) return error("zoom.300.json");
    const auto [field, message] = validation_error(*body);
    if (!field.empty()) return validation_answer(field, message);
    if (!take_daily(account)) return error("zoom.user_daily");

    auto resource = parse_json(meeting.resource).value();
    std::string settings;
    append_settings(settings, (*body)["settings"], resource["settings"]);
    resource["settings"] = parse_json(settings).value();
    for (const char* key :
         {"topic", "type", "duration", "timezone", "agenda", "password", "tracking_fields"}) {
        if (body->isMember(key)) resource[key] = (*body)[key];
    }
    // A start in the past is ignored, and the answer is still 204.
    const auto start = parse_time(text_of(*body, "start_time"));
    if (start && *start > now_) resource["start_time"] = iso_time(*start);
    set_fields(meeting, text_of(resource, "agenda"), resource["type"],
               parse_time(text_of(resource, "start_time")).value_or(Time{}), resource["duration"]);
    meeting.resource = to_text(resource);
    return {204, {}, json_type, {}};
}

Answer Zoom::status(Meeting& meeting, const Request& request)
{
    const auto body = parse_json(request.body);
    if (!body || !body->isObject()) return error("zoom.300.json");
    const auto action = text_of(*body, "action");
    if (action == "recover") {
        meeting.deleted = false;
    } else if (action != "end") {
        return validation_answer("action", "Invalid field.");
    }
    return {204, {}, json_type, {}};
}

}  // namespace meetlink::standin
