#include "admin_accounts.hpp"

#include "errors.hpp"
#include "google_event.hpp"
#include "json.hpp"
#include "zoom.hpp"

namespace meetlink::standin {

namespace {

constexpr std::string_view google_scope = "https://www.googleapis.com/auth/calendar.events";
constexpr std::string_view zoom_scope =
    "meeting:write:meeting meeting:read:meeting meeting:read:list_meetings meeting:update:meeting "
    "meeting:delete:meeting meeting:update:status";

ProviderKind provider_of(const Json::Value& description)
{
    const auto text = text_of(description, "provider");
    const auto kind = parse_provider(text);
    if (!kind) throw BadInput{"unknown provider \"" + text + "\""};
    return *kind;
}

void change_options(AccountOptions& options, const Json::Value& changes)
{
    const auto number = [&](const char* key, auto set) {
        const Json::Value& value = changes[key];
        if (value.isNull()) return;
        if (!value.isInt()) throw BadInput{std::string{key} + " must be a whole number"};
        set(value.asInt());
    };
    options.client_id = text_of(changes, "client_id", options.client_id);
    options.scope = text_of(changes, "scope", options.scope);
    number("expires_in", [&](int value) { options.expires_in = seconds{value}; });
    number("rotation_grace_s", [&](int value) { options.rotation_grace = seconds{value}; });
    number("daily_limit", [&](int value) { options.daily_limit = value; });
    number("refresh_expires_in", [&](int value) { options.refresh_expires_in = seconds{value}; });
    if (changes["meet_allowed"].isBool()) options.meet_allowed = changes["meet_allowed"].asBool();
}

Json::Value create_account(Standin& standin, const Json::Value& description)
{
    if (!description.isObject()) throw BadInput{"an account is a JSON object"};
    const auto kind = provider_of(description);
    auto account_name = text_of(description, "account");
    if (account_name.empty()) throw BadInput{"account is missing"};
    if (standin.store.find_account(kind, account_name) != nullptr) {
        throw BadInput{"account \"" + account_name + "\" exists already"};
    }
    AccountOptions options;
    options.client_id = "standin-client";
    options.scope = kind == ProviderKind::google ? google_scope : zoom_scope;
    if (kind == ProviderKind::zoom) options.expires_in = seconds{3600};
    change_options(options, description);
    if (standin.store.find_client(kind, options.client_id) == nullptr) {
        const auto secret = text_of(description, "client_secret", "standin-client-secret");
        standin.store.set_client(kind, options.client_id, {secret, false});
    }
    Account& account = standin.store.add_account(kind, std::move(account_name), std::move(options));
    standin.store.grant(account, standin.clock.now(), text_of(description, "access_token"),
                        text_of(description, "refresh_token"));
    return describe_account(account);
}

/// Google: our private property; Zoom: anywhere in the agenda, which a client may begin with a hash.
bool is_of_session(const Meeting& meeting, std::string_view session)
{
    if (contains_word(meeting.tag, session)) return true;
    const auto resource = parse_json(meeting.resource);
    return resource && contains_word(text_of(*resource, "agenda"), session);
}

}  // namespace

Json::Value create_accounts(Standin& standin, const Json::Value& description)
{
    if (!description.isArray()) return create_account(standin, description);
    Json::Value created{Json::arrayValue};
    for (const auto& one : description) created.append(create_account(standin, one));
    return created;
}

void change_account(Account& account, const Json::Value& changes)
{
    change_options(account.options, changes);
}

Json::Value describe_account(const Account& account)
{
    Json::Value value;
    value["provider"] = std::string{name(account.provider)};
    value["account"] = account.name;
    value["user_id"] = account.user_id;
    value["client_id"] = account.options.client_id;
    value["scope"] = account.options.scope;
    value["access_token"] = account.access_token;
    value["refresh_token"] = account.refresh_token;
    value["access_token_hash"] = fingerprint(account.access_token);
    value["refresh_token_hash"] = fingerprint(account.refresh_token);
    value["expires_in"] = Json::Int64{account.options.expires_in.count()};
    value["rotation_grace_s"] = Json::Int64{account.options.rotation_grace.count()};
    value["daily_limit"] = account.options.daily_limit;
    value["daily_usage"] = account.usage;
    value["meet_allowed"] = account.options.meet_allowed;
    value["grants"] = Json::UInt64{account.grants};
    value["meetings"] = static_cast<Json::UInt64>(account.meetings.size());
    return value;
}

Json::Value list_meetings(const Standin& standin, const MeetingFilter& filter)
{
    Json::Value meetings{Json::arrayValue};
    int live = 0;
    for (const auto& account : standin.store.accounts()) {
        if (!filter.provider.empty() && filter.provider != name(account->provider)) continue;
        if (!filter.account.empty() && filter.account != account->name) continue;
        for (const Meeting& meeting : account->meetings) {
            if (!filter.tag.empty() && filter.tag != meeting.tag) continue;
            if (!filter.session.empty() && !is_of_session(meeting, filter.session)) continue;
            Json::Value item;
            item["provider"] = std::string{name(account->provider)};
            item["account"] = account->name;
            item["id"] = meeting.id;
            item["tag"] = meeting.tag;
            item["deleted"] = meeting.deleted;
            item["by_human"] = meeting.by_human;
            item["resource"] = parse_json(meeting.resource).value();
            meetings.append(std::move(item));
            if (!meeting.deleted) ++live;
        }
    }
    Json::Value value;
    value["count"] = meetings.size();
    value["live"] = live;
    value["meetings"] = std::move(meetings);
    return value;
}

Json::Value add_human_meeting(Standin& standin, const Json::Value& description)
{
    const auto kind = provider_of(description);
    auto* account = standin.store.find_account(kind, text_of(description, "account"));
    if (account == nullptr) throw BadInput{"no such account"};
    Json::Value resource = description["resource"].isObject() ? description["resource"]
                                                              : Json::Value{Json::objectValue};
    if (kind == ProviderKind::zoom) {
        return parse_json(Zoom{standin}.make(*account, resource, true).resource).value();
    }
    Meeting meeting;
    meeting.by_human = true;
    meeting.id = text_of(resource, "id", random_text(26, "abcdefghijklmnopqrstuv0123456789"));
    if (!is_event_id(meeting.id)) throw BadInput{"this is not an event id"};
    if (account->find_meeting(meeting.id) != nullptr) throw BadInput{"this event id is taken"};
    const Json::Value event = take_writable(resource);
    std::string conference;
    (void)request_conference(*account, meeting, resource, {}, {}, conference);
    store_new_event(*account, meeting, event, conference, standin.clock.now());
    return parse_json(account->add_meeting(std::move(meeting)).resource).value();
}

}  // namespace meetlink::standin
