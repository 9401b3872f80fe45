#include "provider/google_requests.hpp"

#include <json/value.h>

#include <utility>

#include "base/json.hpp"
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

Json::Value moment(std::chrono::sys_seconds time)
{
    Json::Value value;
    value["dateTime"] = rfc3339(time);
    value["timeZone"] = "UTC";
    return value;
}

Json::Value schedule(const MeetingRequest& request)
{
    const std::string title = truncate_characters(one_line(request.title), longest_summary);
    Json::Value value;
    value["summary"] = title.empty() ? "Session" : title;
    value["start"] = moment(request.starts_at);
    value["end"] = moment(request.ends_at);
    return value;
}

Json::Value conference(const std::string& request_id)
{
    Json::Value value;
    value["createRequest"]["requestId"] = request_id;
    value["createRequest"]["conferenceSolutionKey"]["type"] = "hangoutsMeet";
    return value;
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
    Json::Value body = schedule(request);
    body["id"] = id;
    body["extendedProperties"]["private"]["app"] = "meetlink";
    body["extendedProperties"]["private"]["session"] = session_property(request);
    body["conferenceData"] = conference(id);
    return api_request(access_token, "POST", events_url(settings) + modification, body);
}

http::Request get(const config::Provider& settings, const Secret& access_token,
                  const std::string& event_id)
{
    return api_request(access_token, "GET", event_url(settings, event_id));
}

http::Request renew_conference(const config::Provider& settings, const Secret& access_token,
                               const std::string& event_id, const std::string& request_id)
{
    Json::Value body;
    body["conferenceData"] = conference(request_id);
    return api_request(access_token, "PATCH", event_url(settings, event_id) + modification, body);
}

http::Request reschedule(const config::Provider& settings, const Secret& access_token,
                         const std::string& event_id, const MeetingRequest& request)
{
    return api_request(access_token, "PATCH", event_url(settings, event_id) + modification,
                       schedule(request));
}

http::Request remove(const config::Provider& settings, const Secret& access_token,
                     const std::string& event_id)
{
    return api_request(access_token, "DELETE", event_url(settings, event_id) + "?sendUpdates=none");
}

}  // namespace meetlink::provider::google
