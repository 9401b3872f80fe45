#include "provider/google_requests.hpp"

#include <utility>

#include "base/json_writer.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "provider/api_request.hpp"
#include "provider/identity.hpp"

namespace meetlink::provider::google {
namespace {

constexpr std::size_t longest_property = 1024;
constexpr std::size_t longest_summary = 1024;
// Without version 1 Google silently ignores conferenceData; guests are told by the application.
constexpr const char* modification = "?conferenceDataVersion=1&sendUpdates=none";

std::string events_url(const config::Provider& settings)
{
    return settings.api_base + "/calendars/primary/events";
}

std::string event_url(const config::Provider& settings, const std::string& event_id)
{
    return events_url(settings) + "/" + percent_encode(event_id);
}

void moment(JsonWriter& json, std::string_view name, std::chrono::sys_seconds time)
{
    json.begin_object(name);
    json.member("dateTime", rfc3339(time));
    json.member("timeZone", "UTC");
    json.end_object();
}

void schedule(JsonWriter& json, const MeetingRequest& request)
{
    const std::string title = truncate_characters(one_line(request.title), longest_summary);
    json.member("summary", title.empty() ? "Session" : title);
    moment(json, "start", request.starts_at);
    moment(json, "end", request.ends_at);
}

void conference(JsonWriter& json, const std::string& request_id)
{
    json.begin_object("conferenceData");
    json.begin_object("createRequest");
    json.member("requestId", request_id);
    json.begin_object("conferenceSolutionKey");
    json.member("type", "hangoutsMeet");
    json.end_object();
    json.end_object();
    json.end_object();
}

}  // namespace

std::string event_id(const MeetingRequest& request)
{
    return "ml" +
           fingerprint({request.tenant, request.session_id, std::to_string(request.generation)});
}

std::string session_property(const MeetingRequest& request)
{
    return request.session_id.size() <= longest_property ? request.session_id
                                                         : fingerprint({request.session_id});
}

std::string next_request_id(const std::string& event_id, const std::string& last_one,
                            const std::string& etag)
{
    return fingerprint({event_id, last_one, etag});
}

http::Request refresh(const config::Provider& settings, const Secret& refresh_token)
{
    http::Request request;
    request.confidential = true;
    request.method = "POST";
    request.url = settings.token_url;
    request.headers = {"Content-Type: application/x-www-form-urlencoded",
                       "Accept: application/json"};
    request.body =
        "grant_type=refresh_token&refresh_token=" + percent_encode(refresh_token.reveal()) +
        "&client_id=" + percent_encode(settings.client_id) +
        "&client_secret=" + percent_encode(settings.client_secret.reveal());
    return request;
}

http::Request insert(const config::Provider& settings, const Secret& access_token,
                     const MeetingRequest& request)
{
    const std::string id = event_id(request);
    JsonWriter json;
    json.begin_object();
    schedule(json, request);
    json.member("id", id);
    json.begin_object("extendedProperties");
    json.begin_object("private");
    json.member("app", "meetlink");
    json.member("session", session_property(request));
    json.end_object();
    json.end_object();
    conference(json, id);
    json.end_object();
    return api_request(access_token, "POST", events_url(settings) + modification, json.take());
}

http::Request get(const config::Provider& settings, const Secret& access_token,
                  const std::string& event_id)
{
    return api_request(access_token, "GET", event_url(settings, event_id));
}

http::Request renew_conference(const config::Provider& settings, const Secret& access_token,
                               const std::string& event_id, const std::string& request_id)
{
    JsonWriter json;
    json.begin_object();
    conference(json, request_id);
    json.end_object();
    return api_request(access_token, "PATCH", event_url(settings, event_id) + modification,
                       json.take());
}

http::Request reschedule(const config::Provider& settings, const Secret& access_token,
                         const std::string& event_id, const MeetingRequest& request)
{
    JsonWriter json;
    json.begin_object();
    schedule(json, request);
    json.end_object();
    return api_request(access_token, "PATCH", event_url(settings, event_id) + modification,
                       json.take());
}

http::Request remove(const config::Provider& settings, const Secret& access_token,
                     const std::string& event_id)
{
    return api_request(access_token, "DELETE", event_url(settings, event_id) + "?sendUpdates=none");
}

}  // namespace meetlink::provider::google
