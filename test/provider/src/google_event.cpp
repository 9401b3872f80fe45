#include "google_event.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <utility>

#include "json.hpp"

namespace meetlink::standin {

namespace {

constexpr std::array writable{"summary",
                              "description",
                              "location",
                              "start",
                              "end",
                              "attendees",
                              "reminders",
                              "guestsCanModify",
                              "recurrence",
                              "source",
                              "transparency",
                              "guestsCanInviteOthers",
                              "colorId",
                              "visibility",
                              "status",
                              "guestsCanSeeOtherGuests",
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
            } else if (group[key].isString() &&
                       group[key].asString().size() > property_value_limit) {
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

/// The conference as it stands, as the members `conferenceData` and `hangoutLink`.
std::string conference_members(const Account& account, const Meeting& meeting,
                               std::string_view request_id)
{
    const bool success = !meeting.pending && meeting.fate == ConferenceFate::success;
    std::string text = R"("conferenceData":{"createRequest":{)";
    append_member(text, "requestId", request_id);
    text += R"("conferenceSolutionKey":{"type":"hangoutsMeet"},"status":{"statusCode":")";
    text += meeting.pending ? "pending" : success ? "success" : "failure";
    text += R"("}})";
    if (!success) return text + "},";
    const auto code = room_code(account, request_id);
    return text + R"(,"entryPoints":[{"entryPointType":"video","uri":"https://meet.google.com/)" +
           code + R"(","label":"meet.google.com/)" + code +
           R"("},{"entryPointType":"phone","uri":"tel:+1-555-010-0100","label":"+1 555-010-0100",)"
           R"("pin":"100200300"}],"conferenceSolution":{"key":{"type":"hangoutsMeet"},)"
           R"("name":"Google Meet","iconUri":"https://fonts.gstatic.com/s/i/productlogos/meet.png"},)"
           R"("conferenceId":")" +
           code + R"("},"hangoutLink":"https://meet.google.com/)" + code + R"(",)";
}

/// What lists and tests filter by.
void derive_fields(Meeting& meeting, const Json::Value& event)
{
    meeting.starts_at = event_time(event, "start").value_or(Time{});
    meeting.ends_at = event_time(event, "end").value_or(Time{});
    meeting.tag.clear();
    meeting.properties.clear();
    if (!is_object_with(event, "extendedProperties")) return;
    const Json::Value& extended = event["extendedProperties"];
    if (!is_object_with(extended, "private")) return;
    const Json::Value& properties = extended["private"];
    for (auto member = properties.begin(); member != properties.end(); ++member) {
        if (member->isString())
            meeting.properties.push_back(member.name() + '=' + member->asString());
    }
    meeting.tag = text_of(properties, "session");
}

std::string etag(const Meeting& meeting)
{
    return "\"" + std::to_string(meeting.version) + "000\"";
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

std::string conference_request_id(const Json::Value& event)
{
    if (!is_object_with(event, "conferenceData")) return {};
    const Json::Value& data = event["conferenceData"];
    return is_object_with(data, "createRequest") ? text_of(data["createRequest"], "requestId")
                                                 : std::string{};
}

ConferenceRequest request_conference(const Account& account, Meeting& meeting,
                                     const Json::Value& body, std::string_view current_request_id,
                                     const ConferenceScript& script, std::string& members)
{
    if (!is_object_with(body, "conferenceData")) return ConferenceRequest::none;
    const Json::Value& data = body["conferenceData"];
    if (!is_object_with(data, "createRequest")) return ConferenceRequest::none;
    const Json::Value& request = data["createRequest"];
    const auto request_id = text_of(request, "requestId");
    if (request_id.empty()) return ConferenceRequest::malformed;
    if (request_id == current_request_id) return ConferenceRequest::unchanged;
    const auto type = is_object_with(request, "conferenceSolutionKey")
                          ? text_of(request["conferenceSolutionKey"], "type")
                          : std::string{"hangoutsMeet"};
    if (!account.options.meet_allowed || type != "hangoutsMeet") {
        return ConferenceRequest::wrong_type;
    }
    meeting.pending = script.pending_answers > 0;
    // The answer to this request is the first that says pending.
    meeting.pending_answers = std::max(0, script.pending_answers - 1);
    meeting.fate = script.fate;
    if (script.fate != ConferenceFate::absent) {
        members = conference_members(account, meeting, request_id);
    }
    return ConferenceRequest::made;
}

void replace_conference(Json::Value& event, const std::string& members)
{
    event.removeMember("conferenceData");
    event.removeMember("hangoutLink");
    if (members.empty()) return;
    auto parsed = parse_json('{' + members.substr(0, members.size() - 1) + '}').value();
    for (const auto& name : parsed.getMemberNames()) event[name].swap(parsed[name]);
}

void finish_conference(const Account& account, Meeting& meeting, Json::Value& event)
{
    meeting.pending = false;
    replace_conference(event, conference_members(account, meeting, conference_request_id(event)));
}

void store_new_event(const Account& account, Meeting& meeting, const Json::Value& written,
                     const std::string& conference_members, Time now)
{
    ++meeting.version;
    derive_fields(meeting, written);
    const auto created = iso_time_ms(now);
    std::string person;
    append_member(person, "email", account.name);
    person += R"("self":true)";

    std::string& text = meeting.resource;
    text.reserve(1500);
    text = R"({"kind":"calendar#event","status":"confirmed","sequence":0,"eventType":"default",)";
    append_member(text, "id", meeting.id);
    append_member(text, "etag", etag(meeting));
    append_member(text, "htmlLink", "https://www.google.com/calendar/event?eid=" + meeting.id);
    append_member(text, "iCalUID", meeting.id + "@google.com");
    append_member(text, "created", created);
    append_member(text, "updated", created);
    text += R"("creator":{)" + person + R"(},"organizer":{)" + person + "},";
    text += conference_members;
    for (auto member = written.begin(); member != written.end(); ++member) {
        const char* end = nullptr;
        const char* name = member.memberName(&end);
        if (std::string_view{name} == "status") continue;
        text.append("\"").append(name, end).append("\":");
        append_text(text, *member);
        text += ',';
    }
    text.back() = '}';
}

void store_event(Meeting& meeting, Json::Value event, Time now)
{
    ++meeting.version;
    event["etag"] = etag(meeting);
    event["updated"] = iso_time_ms(now);
    event["status"] = meeting.deleted ? "cancelled" : "confirmed";
    derive_fields(meeting, event);
    meeting.resource = to_text(event);
}

}  // namespace meetlink::standin
