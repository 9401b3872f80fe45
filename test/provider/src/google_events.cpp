// Google Calendar's events (PROVIDERS.md 1.2 to 1.8).

#include <algorithm>
#include <array>
#include <span>

#include "errors.hpp"
#include "google.hpp"
#include "google_event.hpp"
#include "json.hpp"

namespace meetlink::standin {

namespace {

constexpr std::string_view scope_prefix = "https://www.googleapis.com/auth/";

// PROVIDERS.md 1.1: any one of these is enough.
constexpr std::array<std::string_view, 4> write_scopes{
    "calendar", "calendar.events", "calendar.events.owned", "calendar.app.created"};
constexpr std::array<std::string_view, 9> read_scopes{"calendar",
                                                      "calendar.events",
                                                      "calendar.events.owned",
                                                      "calendar.readonly",
                                                      "calendar.events.readonly",
                                                      "calendar.events.owned.readonly",
                                                      "calendar.app.created",
                                                      "calendar.events.freebusy",
                                                      "calendar.events.public.readonly"};
constexpr std::array<std::string_view, 5> calendar_scopes{
    "calendar", "calendar.readonly", "calendar.calendars", "calendar.calendars.readonly",
    "calendar.app.created"};

std::span<const std::string_view> scopes_for(Operation operation)
{
    switch (operation) {
        case Operation::calendar:
            return calendar_scopes;
        case Operation::get:
        case Operation::list:
            return read_scopes;
        default:
            return write_scopes;
    }
}

bool may(const Account& account, Operation operation)
{
    std::string_view granted = account.options.scope;
    const auto accepted = scopes_for(operation);
    while (!granted.empty()) {
        auto scope = granted.substr(0, granted.find(' '));
        granted.remove_prefix(std::min(granted.size(), scope.size() + 1));
        if (scope.starts_with(scope_prefix)) {
            scope.remove_prefix(scope_prefix.size());
            if (std::ranges::find(accepted, scope) != accepted.end()) return true;
        }
    }
    return false;
}

bool conference_version_1(const Request& request)
{
    return Parameters{request.query}.get("conferenceDataVersion") == "1";
}

Answer ok(std::string body)
{
    return {200, std::move(body), json_type, {}};
}

/// What is wrong with an event's start and end; empty when nothing is.
std::string_view schedule_error(const Json::Value& event)
{
    const auto start = event_time(event, "start");
    const auto end = event_time(event, "end");
    if (!start || !end) return "google.required";
    if (*end < *start) return "google.timeRangeEmpty";
    return {};
}

}  // namespace

Answer Google::error(std::string_view name) const
{
    return error_answer(name, now_);
}

Answer Google::act(const Call& call, const Request& request, const Effect* effect)
{
    if (call.operation == Operation::token) return token(request);
    if (call.operation == Operation::revoke) return revoke(request);
    if (call.operation == Operation::other) return error("google.notFound");

    const auto bearer = bearer_token(request.authorization);
    if (bearer.empty()) return error("google.loginRequired");
    const auto [state, account] = standin_.store.check_access(ProviderKind::google, bearer, now_);
    if (state != TokenState::valid) return error("google.authError");
    if (!may(*account, call.operation)) return error("google.insufficientPermissions");
    if (call.owner != "primary" && call.owner != account->name) return error("google.notFound");

    switch (call.operation) {
        case Operation::create:
            return insert(*account, request, effect);
        case Operation::list:
            return list(*account, request, effect);
        case Operation::calendar:
            return calendar(*account);
        default:
            break;
    }
    auto* event = account->find_meeting(call.id);
    if (event == nullptr) return error("google.notFound");
    if (call.operation == Operation::get) return get(*account, *event);
    if (call.operation == Operation::update) return update(*account, *event, request, effect);
    return remove(*event, request);
}

Answer Google::insert(Account& account, const Request& request, const Effect* effect)
{
    auto body = parse_json(request.body);
    if (!body || !body->isObject()) return error("google.parseError");
    Meeting meeting;
    meeting.id = text_of(*body, "id");
    if (meeting.id.empty()) meeting.id = random_text(26, "abcdefghijklmnopqrstuv0123456789");
    if (!is_event_id(meeting.id)) return error("google.invalidId");
    const Json::Value event = take_writable(*body);
    if (const auto wrong = schedule_error(event); !wrong.empty()) return error(wrong);
    // A deleted event keeps its id: 409 as well.
    if (account.find_meeting(meeting.id) != nullptr) return error("google.duplicate");

    // Version 0, the default, drops conferenceData without a word.
    std::string conference;
    if (conference_version_1(request)) {
        const auto script = effect != nullptr ? effect->conference : ConferenceScript{};
        const auto taken = request_conference(account, meeting, *body, {}, script, conference);
        if (taken == ConferenceRequest::wrong_type) return error("google.invalidConferenceType");
        if (taken == ConferenceRequest::malformed) return error("google.invalid");
    }
    store_new_event(account, meeting, event, conference, now_);
    return ok(account.add_meeting(std::move(meeting)).resource);
}

Answer Google::get(Account& account, Meeting& event)
{
    if (event.pending_answers > 0) {
        --event.pending_answers;
        return ok(event.resource);
    }
    if (event.pending) {
        auto resource = parse_json(event.resource).value();
        finish_conference(account, event, resource);
        store_event(event, std::move(resource), now_);
    }
    return ok(event.resource);
}

Answer Google::update(Account& account, Meeting& event, const Request& request,
                      const Effect* effect)
{
    auto body = parse_json(request.body);
    if (!body || !body->isObject()) return error("google.parseError");
    auto resource = parse_json(event.resource).value();
    if (!request.if_match.empty() && request.if_match != resource["etag"].asString()) {
        return error("google.conditionNotMet");
    }
    if (event.deleted && event.deleted_by_human) return error("google.forbidden");

    const bool replace = request.method == "PUT";
    const auto old_start = resource["start"];
    const auto old_end = resource["end"];
    const bool version_1 = conference_version_1(request);
    if (replace) {
        // Whatever a client may write and did not send is gone.
        (void)take_writable(resource);
    }
    const auto status = text_of(*body, "status");
    merge_patch(resource, take_writable(*body));
    if (const auto wrong = schedule_error(resource); !wrong.empty()) return error(wrong);
    if (version_1) {
        const bool named = body->isMember("conferenceData");
        if ((named && (*body)["conferenceData"].isNull()) || (replace && !named)) {
            resource.removeMember("conferenceData");  // PUT without it: our reading of 1.7
            resource.removeMember("hangoutLink");
        }
        const auto script = effect != nullptr ? effect->conference : ConferenceScript{};
        std::string conference;
        const auto taken = request_conference(account, event, *body,
                                              conference_request_id(resource), script, conference);
        if (taken == ConferenceRequest::wrong_type) return error("google.invalidConferenceType");
        if (taken == ConferenceRequest::malformed) return error("google.invalid");
        if (taken == ConferenceRequest::made) replace_conference(resource, conference);
    }
    if (!status.empty()) event.deleted = status == "cancelled";
    if (resource["start"] != old_start || resource["end"] != old_end) {
        resource["sequence"] = resource["sequence"].asInt() + 1;
    }
    store_event(event, std::move(resource), now_);
    return ok(event.resource);
}

Answer Google::remove(Meeting& event, const Request& request)
{
    if (event.deleted) return error("google.deleted");
    auto resource = parse_json(event.resource).value();
    if (!request.if_match.empty() && request.if_match != resource["etag"].asString()) {
        return error("google.conditionNotMet");
    }
    event.deleted = true;
    store_event(event, std::move(resource), now_);
    return {204, {}, json_type, {}};
}

Answer Google::list(Account& account, const Request& request, const Effect* effect)
{
    const Parameters query{request.query};
    const auto wanted_properties = query.all("privateExtendedProperty");
    const bool show_deleted = query.get("showDeleted") == "true";
    const auto limit = parse_integer(query.find("maxResults").value_or("250")).value_or(0);
    const auto first = parse_integer(query.find("pageToken").value_or("0"));
    const auto time_min = parse_time(query.get("timeMin"));
    const auto time_max = parse_time(query.get("timeMax"));
    if (limit < 1 || !first || *first < 0) return error("google.invalid");

    const auto wanted = [&](const Meeting& event) {
        return (show_deleted || !event.deleted) && (!time_min || event.ends_at > *time_min) &&
               (!time_max || event.starts_at < *time_max) &&
               std::ranges::all_of(wanted_properties, [&](std::string_view property) {
                   return std::ranges::find(event.properties, property) != event.properties.end();
               });
    };
    std::string items;
    std::int64_t taken = 0;
    std::optional<std::size_t> next;
    // An incomplete page may even be empty (1.7): the fault "empty_page" makes one.
    const bool empty_page = effect != nullptr && effect->twist == Twist::empty_page;
    if (empty_page) next = static_cast<std::size_t>(*first);
    for (auto i = static_cast<std::size_t>(*first); !next && i < account.meetings.size(); ++i) {
        const Meeting& event = account.meetings[i];
        if (!wanted(event)) continue;
        if (taken == std::min<std::int64_t>(limit, 2500)) {
            next = i;
            break;
        }
        if (taken++ > 0) items += ',';
        items += event.resource;
    }
    std::string body =
        R"({"kind":"calendar#events","etag":"\"0\"","summary":)" + to_text(account.name) +
        R"(,"updated":")" + iso_time_ms(now_) +
        R"(","timeZone":"UTC","accessRole":"owner","defaultReminders":[],"items":[)" + items + ']';
    if (next) body += R"(,"nextPageToken":")" + std::to_string(*next) + '"';
    return ok(body + '}');
}

Answer Google::calendar(const Account& account)
{
    Json::Value body;
    body["kind"] = "calendar#calendar";
    body["etag"] = "\"0\"";
    body["id"] = account.name;
    body["summary"] = account.name;
    body["timeZone"] = "UTC";
    Json::Value& types = body["conferenceProperties"]["allowedConferenceSolutionTypes"];
    types = Json::Value{Json::arrayValue};
    if (account.options.meet_allowed) types.append("hangoutsMeet");
    return ok(to_text(body));
}

}  // namespace meetlink::standin
