#include "standin.hpp"

#include "errors.hpp"
#include "google.hpp"
#include "zoom.hpp"

namespace meetlink::standin {

namespace {

using Segments = std::vector<std::string>;

Call google_api_call(const Request& request, Segments segments)
{
    Call call{ProviderKind::google, Operation::other, {}, {}, {}};
    // calendar/v3/calendars/{calendar}[/events[/{event}]]
    if (segments.size() < 4 || segments[2] != "calendars") return call;
    call.owner = std::move(segments[3]);
    if (segments.size() == 4) {
        if (request.method == "GET") call.operation = Operation::calendar;
    } else if (segments.size() == 5 && segments[4] == "events") {
        if (request.method == "POST") call.operation = Operation::create;
        if (request.method == "GET") call.operation = Operation::list;
    } else if (segments.size() == 6 && segments[4] == "events") {
        call.id = std::move(segments[5]);
        if (request.method == "GET") call.operation = Operation::get;
        if (request.method == "PATCH" || request.method == "PUT") {
            call.operation = Operation::update;
        }
        if (request.method == "DELETE") call.operation = Operation::remove;
    }
    return call;
}

Call zoom_api_call(const Request& request, Segments segments)
{
    Call call{ProviderKind::zoom, Operation::other, {}, {}, {}};
    // v2/users/{user}/meetings, v2/meetings/{meeting}[/status]
    if (segments.size() == 4 && segments[1] == "users" && segments[3] == "meetings") {
        call.owner = std::move(segments[2]);
        if (request.method == "POST") call.operation = Operation::create;
        if (request.method == "GET") call.operation = Operation::list;
    } else if (segments.size() >= 3 && segments[1] == "meetings") {
        call.id = std::move(segments[2]);
        if (segments.size() == 3) {
            if (request.method == "GET") call.operation = Operation::get;
            if (request.method == "PATCH") call.operation = Operation::update;
            if (request.method == "DELETE") call.operation = Operation::remove;
        } else if (segments.size() == 4 && segments[3] == "status" && request.method == "PUT") {
            call.operation = Operation::status;
        }
    }
    return call;
}

}  // namespace

Call Standin::route(const Request& request)
{
    auto segments = path_segments(request.path);
    const auto is = [&](std::initializer_list<std::string_view> wanted) {
        return std::equal(segments.begin(), segments.end(), wanted.begin(), wanted.end());
    };
    const auto oauth = [&](ProviderKind provider, Operation operation) {
        Call call{provider, operation, {}, {}, {}};
        const Parameters form{request.body};
        const auto check = store.check_refresh(provider, form.get("refresh_token"), clock.now());
        if (check.account != nullptr) call.account = check.account->name;
        return call;
    };
    if (is({"google", "token"})) return oauth(ProviderKind::google, Operation::token);
    if (is({"google", "revoke"})) return oauth(ProviderKind::google, Operation::revoke);
    if (is({"zoom", "oauth", "token"})) return oauth(ProviderKind::zoom, Operation::token);
    if (is({"zoom", "oauth", "revoke"})) return oauth(ProviderKind::zoom, Operation::revoke);

    const bool zoom = !segments.empty() && segments[0] == "v2";
    auto call = zoom ? zoom_api_call(request, std::move(segments))
                     : google_api_call(request, std::move(segments));
    const auto check =
        store.check_access(call.provider, bearer_token(request.authorization), clock.now());
    if (check.account != nullptr) call.account = check.account->name;
    return call;
}

Answer Standin::act(const Call& call, const Request& request, const Effect* effect)
{
    if (call.provider == ProviderKind::google) return Google{*this}.act(call, request, effect);
    return Zoom{*this}.act(call, request, effect);
}

void Standin::reset()
{
    faults.clear();
    journal.clear();
    journal.set_capacity(Journal{}.capacity());
    store.clear();
    settings = {};
    clock.reset();
}

}  // namespace meetlink::standin
