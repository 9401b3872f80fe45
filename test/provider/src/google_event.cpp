#include "google_event.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <utility>

#include "json.hpp"

namespace meetlink::standin {

namespace {

constexpr std::array writable{
    "summary",         "description",     "location",      "start",
    "end",             "attendees",       "reminders",     "guestsCanModify",
    "recurrence",      "source",          "transparency",  "guestsCanInviteOthers",
    "colorId",         "visibility",      "status",        "guestsCanSeeOtherGuests",
    "extendedProperties"};

constexpr std::size_t property_key_limit = 44;
constexpr std::size_t property_value_limit = 1024;

void limit_properties(Json::Value& properties)
{
    for (const char* kind : {"private", "shared"}) {
        if (!is_object_with(properties, kind)) continue;
        Json::Value& group = properties[kind];
        for (const auto& key : group.getMemberNames()) {
            if (key.size() > property_key_limit) {
                group.removeMember(key);
            } else if (group[key].isString() && group[key].asString().size() > property_value_limit) {
                group[key] = group[key].asString().substr(0, property_value_limit);
            }
        }
    }
}

/// The room of a request: the same requestId of one account leads into the same room, so a client that
/// reuses one shows (PROVIDERS.md 1.5 c).
std::string room_code(const Account& account, std::string_view request_id)
{
    const std::string seed = account.name + '\n' + std::string{request_id};
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    EVP_Digest(seed.data(), seed.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
    std::string code = "aaa-bbbb-ccc";
    std::size_t i = 0;
    for (char& c : code) {
        if (c != '-') c = static_cast<char>('a' + digest.at(i++) % 26);
    }
    return code;
}

std::string conference_request_id(const Json::Value& event)
{
    if (!is_object_with(event, "conferenceData")) return {};
    const Json::Value& data = event["conferenceData"];
    return is_object_with(data, "createRequest") ? text_of(data["createRequest"], "requestId")
                                                 : std::string{};
}

}  // namespace

bool is_event_id(std::string_view id)
{
    return id.size() >= 5 && id.size() <= 1024 && std::ranges::all_of(id, [](char c) {
               return (c >= 'a' && c <= 'v') || (c >= '0' && c <= '9');
           });
}

std::optional<Time> event_time(const Json::Value& event, const char* key)
{
    if (!is_object_with(event, key)) return std::nullopt;
    const Json::Value& value = event[key];
    if (const auto date = text_of(value, "date"); !date.empty()) {
        return parse_time(date + "T00:00:00Z");
    }
    return parse_time(text_of(value, "dateTime"));
}

Json::Value take_writable(Json::Value& body)
{
    Json::Value event{Json::objectValue};
    for (const char* key : writable) {
        Json::Value member;
        if (body.removeMember(key, &member)) event[key] = std::move(member);
    }
    if (is_object_with(event, "extendedProperties")) limit_properties(event["extendedProperties"]);
    return event;
}

ConferenceRequest request_conference(const Account& account, Meeting& meeting, Json::Value& event,
                                     const Json::Value& body, const ConferenceScript& script)
{
    if (!is_object_with(body, "conferenceData")) return ConferenceRequest::none;
    const Json::Value& data = body["conferenceData"];
    if (!is_object_with(data, "createRequest")) return ConferenceRequest::none;
    const Json::Value& request = data["createRequest"];
    const auto request_id = text_of(request, "requestId");
    if (request_id.empty()) return ConferenceRequest::malformed;
    if (request_id == conference_request_id(event)) return ConferenceRequest::unchanged;
    const auto type = is_object_with(request, "conferenceSolutionKey")
                          ? text_of(request["conferenceSolutionKey"], "type")
                          : std::string{"hangoutsMeet"};
    if (!account.options.meet_allowed || type != "hangoutsMeet") {
        return ConferenceRequest::wrong_type;
    }
    event.removeMember("hangoutLink");
    event.removeMember("conferenceData");
    meeting.pending_answers = script.pending_answers;
    meeting.fate = script.fate;
    if (script.fate == ConferenceFate::absent) return ConferenceRequest::made;
    Json::Value& made = event["conferenceData"]["createRequest"];
    made["requestId"] = request_id;
    made["conferenceSolutionKey"]["type"] = type;
    made["status"]["statusCode"] = "pending";
    if (meeting.pending_answers == 0) finish_conference(account, meeting, event);
    return ConferenceRequest::made;
}

void finish_conference(const Account& account, const Meeting& meeting, Json::Value& event)
{
    Json::Value& data = event["conferenceData"];
    const bool success = meeting.fate == ConferenceFate::success;
    data["createRequest"]["status"]["statusCode"] = success ? "success" : "failure";
    if (!success) return;

    const auto code = room_code(account, conference_request_id(event));
    const auto link = "https://meet.google.com/" + code;
    Json::Value video;
    video["entryPointType"] = "video";
    video["uri"] = link;
    video["label"] = "meet.google.com/" + code;
    Json::Value phone;
    phone["entryPointType"] = "phone";
    phone["uri"] = "tel:+1-555-010-0100";
    phone["label"] = "+1 555-010-0100";
    phone["pin"] = "100200300";
    data["entryPoints"].append(video);
    data["entryPoints"].append(phone);
    data["conferenceSolution"]["key"]["type"] = "hangoutsMeet";
    data["conferenceSolution"]["name"] = "Google Meet";
    data["conferenceSolution"]["iconUri"] = "https://fonts.gstatic.com/s/i/productlogos/meet.png";
    data["conferenceId"] = code;
    event["hangoutLink"] = link;
}

void store_event(Meeting& meeting, Json::Value event, Time now)
{
    ++meeting.version;
    event["etag"] = "\"" + std::to_string(meeting.version) + "000\"";
    event["updated"] = iso_time_ms(now);
    event["status"] = meeting.deleted ? "cancelled" : "confirmed";
    meeting.starts_at = event_time(event, "start").value_or(Time{});
    meeting.ends_at = event_time(event, "end").value_or(Time{});
    meeting.tag.clear();
    meeting.properties.clear();
    if (is_object_with(event, "extendedProperties") &&
        is_object_with(event["extendedProperties"], "private")) {
        const Json::Value& properties = event["extendedProperties"]["private"];
        for (const auto& key : properties.getMemberNames()) {
            meeting.properties.push_back(key + '=' + text_of(properties, key.c_str()));
        }
        meeting.tag = text_of(properties, "session");
    }
    meeting.resource = to_text(event);
}

}  // namespace meetlink::standin
