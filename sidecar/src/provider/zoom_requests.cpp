#include "provider/zoom_requests.hpp"

#include <utility>

#include "base/json_writer.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "provider/api_request.hpp"
#include "provider/identity.hpp"

namespace meetlink::provider::zoom {
namespace {

constexpr std::size_t longest_topic = 200;

std::string meeting_url(const config::Provider& settings, const std::string& meeting_id)
{
    return settings.api_base + "/meetings/" + percent_encode(meeting_id);
}

void schedule(JsonWriter& json, const MeetingRequest& request)
{
    const auto length =
        std::chrono::ceil<std::chrono::minutes>(request.ends_at - request.starts_at);
    json.member("topic", topic(request));
    json.member("start_time", rfc3339(request.starts_at));
    json.member("duration", length.count());
    json.member("timezone", "UTC");
}

}  // namespace

std::string tag(const MeetingRequest& request)
{
    return "[meetlink:" + fingerprint({request.tenant, request.session_id}) + "]";
}

std::string topic(const MeetingRequest& request)
{
    const std::string title = truncate_characters(one_line(request.title), longest_topic);
    return title.empty() ? "Session" : title;
}

http::Request refresh(const config::Provider& settings, const Secret& refresh_token)
{
    // RFC 6749 2.3.1: both parts are form-encoded before they are joined, or a ':' would split them
    const std::string credentials =
        percent_encode(settings.client_id) + ":" + percent_encode(settings.client_secret.reveal());
    http::Request request;
    request.confidential = true;
    request.method = "POST";
    request.url = settings.token_url;
    request.headers = {"Authorization: Basic " + base64(credentials),
                       "Content-Type: application/x-www-form-urlencoded",
                       "Accept: application/json"};
    request.body =
        "grant_type=refresh_token&refresh_token=" + percent_encode(refresh_token.reveal());
    return request;
}

http::Request create(const config::Provider& settings, const Secret& access_token,
                     const MeetingRequest& request)
{
    JsonWriter json;
    json.begin_object();
    schedule(json, request);
    json.member("type", 2);  // scheduled
    // the tag is for us; the key in clear is for a person who looks at the meeting in Zoom
    const std::string key = truncate_characters(one_line(request.session_id), 100);
    json.member("agenda", tag(request) + " Made by meetlink for session " + key +
                              ". Keep this mark: it ties the meeting to its session.");
    json.begin_object("settings");
    json.member("join_before_host", true);
    json.member("waiting_room", false);  // it would disable join_before_host
    json.member("approval_type", 2);     // no registration
    json.member("use_pmi", false);       // the personal room would be shared by all sessions
    json.end_object();
    json.end_object();
    return api_request(access_token, "POST", settings.api_base + "/users/me/meetings", json.take());
}

http::Request list(const config::Provider& settings, const Secret& access_token, Listing listing,
                   const std::string& page_token)
{
    std::string url = settings.api_base + "/users/me/meetings?type=" +
                      (listing == Listing::upcoming ? "upcoming" : "scheduled") + "&page_size=300";
    if (!page_token.empty()) {
        url += "&next_page_token=" + percent_encode(page_token);
    }
    return api_request(access_token, "GET", url);
}

http::Request get(const config::Provider& settings, const Secret& access_token,
                  const std::string& meeting_id)
{
    return api_request(access_token, "GET", meeting_url(settings, meeting_id));
}

http::Request reschedule(const config::Provider& settings, const Secret& access_token,
                         const std::string& meeting_id, const MeetingRequest& request)
{
    JsonWriter json;
    json.begin_object();
    schedule(json, request);
    json.end_object();
    return api_request(access_token, "PATCH", meeting_url(settings, meeting_id), json.take());
}

http::Request remove(const config::Provider& settings, const Secret& access_token,
                     const std::string& meeting_id)
{
    return api_request(access_token, "DELETE",
                       meeting_url(settings, meeting_id) +
                           "?schedule_for_reminder=false&cancel_meeting_reminder=false");
}

}  // namespace meetlink::provider::zoom
