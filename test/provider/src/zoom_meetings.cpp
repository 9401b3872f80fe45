// Zoom's meetings: create, get, update, delete, status (PROVIDERS.md 2.2 to 2.4). Lists: zoom_list.cpp.

#include <algorithm>
#include <array>

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

/// The first word of the agenda, where a client puts its tag.
std::string tag_of(const Json::Value& resource)
{
    const auto agenda = text_of(resource, "agenda");
    return agenda.substr(0, agenda.find_first_of(" \t\r\n"));
}

/// Field and complaint of the first thing that Zoom's schema does not allow; empty field: all is well.
std::pair<std::string_view, std::string_view> validation_error(const Json::Value& body)
{
    const auto longer = [&](const char* key, std::size_t limit) {
        return body.isMember(key) && (!body[key].isString() || body[key].asString().size() > limit);
    };
    if (longer("topic", topic_limit))
        return {"topic", "The topic must have at most 200 characters."};
    if (longer("agenda", agenda_limit))
        return {"agenda", "The agenda must have at most 2000 characters."};
    if (longer("password", password_limit))
        return {"password", "The password must have at most 10 characters."};
    if (body.isMember("duration") && !body["duration"].isInt())
        return {"duration", "Invalid field."};
    if (body.isMember("type")) {
        const Json::Value& type = body["type"];
        constexpr std::array types{1, 2, 3, 8, 10};
        if (!type.isInt() || std::find(types.begin(), types.end(), type.asInt()) == types.end()) {
            return {"type", "Invalid field."};
        }
    }
    if (body.isMember("start_time") && !parse_time(text_of(body, "start_time"))) {
        return {"start_time", "Invalid field."};
    }
    if (body.isMember("settings") && !body["settings"].isObject())
        return {"settings", "Invalid field."};
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

/// Settings that an account here has; others in a request are dropped silently, as Zoom does.
const Json::Value& default_settings()
{
    static const Json::Value settings =
        parse_json(R"({"host_video":false,"participant_video":false,"join_before_host":false,
            "jbh_time":0,"mute_upon_entry":false,"watermark":false,"use_pmi":false,
            "approval_type":2,"audio":"both","auto_recording":"none","waiting_room":true,
            "meeting_authentication":false,"email_notification":true,"alternative_hosts":"",
            "registrants_email_notification":true,"registrants_confirmation_email":true,
            "show_share_button":true,"encryption_type":"enhanced_encryption"})")
            .value();
    return settings;
}

void apply_settings(Json::Value& settings, const Json::Value& wanted)
{
    for (const auto& key : wanted.getMemberNames()) {
        if (settings.isMember(key) && settings[key].type() == wanted[key].type()) {
            settings[key] = wanted[key];
        }
    }
    if (settings["waiting_room"] == true) settings["join_before_host"] = false;
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
    constexpr std::string_view start_url_secret = "?zak=standin-secret-start-url-";
    // 11 digits do not fit 32 bits, on purpose.
    static std::int64_t next_id = 81'000'000'000;
    next_id += 7;
    const auto id = std::to_string(next_id);
    const auto pwd = random_text(32, alphanumeric) + ".1";
    const auto password = text_of(body, "password", random_text(6, digits));

    Json::Value resource;
    resource["id"] = Json::Int64{next_id};
    resource["uuid"] = random_text(22, alphanumeric) + "==";
    resource["host_id"] = account.user_id;
    resource["host_email"] = account.name;
    resource["topic"] = text_of(body, "topic", "Zoom Meeting");
    resource["type"] = body.get("type", 2);
    resource["status"] = "waiting";
    resource["duration"] = body.get("duration", 60);
    resource["timezone"] = text_of(body, "timezone", "UTC");
    resource["created_at"] = iso_time(now_);
    resource["agenda"] = text_of(body, "agenda");
    resource["password"] = password;
    resource["encrypted_password"] = pwd;
    resource["h323_password"] = password;
    resource["pstn_password"] = password;
    resource["join_url"] = "https://us05web.zoom.us/j/" + id + "?pwd=" + pwd;
    resource["start_url"] = "https://us05web.zoom.us/s/" + id + std::string{start_url_secret} +
                            random_text(32, alphanumeric);
    resource["creation_source"] = by_human ? "web_portal" : "open_api";
    resource["pre_schedule"] = false;
    resource["settings"] = default_settings();
    if (is_object_with(body, "settings")) apply_settings(resource["settings"], body["settings"]);
    if (body["tracking_fields"].isArray()) resource["tracking_fields"] = body["tracking_fields"];
    if (const auto start = parse_time(text_of(body, "start_time"))) {
        resource["start_time"] = iso_time(*start);
    } else {
        // A scheduled meeting without a start becomes an instant one.
        resource["start_time"] = iso_time(now_);
        if (resource["type"] == 2) resource["type"] = 1;
    }
    Meeting meeting;
    meeting.id = id;
    meeting.by_human = by_human;
    store(meeting, resource);
    return account.add_meeting(std::move(meeting));
}

void Zoom::store(Meeting& meeting, const Json::Value& resource)
{
    meeting.tag = tag_of(resource);
    meeting.listed = resource["type"] != 1;
    meeting.starts_at = parse_time(text_of(resource, "start_time")).value_or(Time{});
    meeting.ends_at = meeting.starts_at + std::chrono::minutes{resource["duration"].asInt()};
    meeting.resource = to_text(resource);
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
    for (const char* key :
         {"topic", "type", "duration", "timezone", "agenda", "password", "tracking_fields"}) {
        if (body->isMember(key)) resource[key] = (*body)[key];
    }
    // A start in the past is ignored, and the answer is still 204.
    const auto start = parse_time(text_of(*body, "start_time"));
    if (start && *start > now_) resource["start_time"] = iso_time(*start);
    if (is_object_with(*body, "settings"))
        apply_settings(resource["settings"], (*body)["settings"]);
    store(meeting, resource);
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
