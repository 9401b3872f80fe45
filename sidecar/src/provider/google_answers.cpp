#include "provider/google_answers.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "base/json.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "provider/answer.hpp"
#include "provider/token_answer.hpp"

namespace meetlink::provider::google {
namespace {

/// A row of an error table. An empty `words` or a status of 0 fits everything.
struct Row {
    int status;
    std::string_view code;   ///< Google's own word, exactly
    std::string_view words;  ///< part of its message, in any case
    Reason reason;
    bool refresh_may_help = false;
};

// PROVIDERS.md 1.1. Users can untick single scopes on the consent screen. calendar.app.created is not here: with it
// the calendar that meetlink writes to cannot be written.
constexpr std::array<std::string_view, 3> insert_scopes{
    "https://www.googleapis.com/auth/calendar",
    "https://www.googleapis.com/auth/calendar.events",
    "https://www.googleapis.com/auth/calendar.events.owned",
};

// PROVIDERS.md 1.8. The first row that fits counts, so what is specific stands above what is generic:
// a body may name "forbidden" in errors[] and SERVICE_DISABLED in details[].
constexpr std::array api_rows{
    Row{0, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "", Reason::scope_missing},
    Row{0, "insufficientPermissions", "", Reason::scope_missing},
    Row{0, "SERVICE_DISABLED", "", Reason::api_disabled},
    Row{0, "accessNotConfigured", "", Reason::api_disabled},
    Row{0, "domainPolicy", "", Reason::blocked_by_admin},
    Row{0, "quotaExceeded", "", Reason::quota_exceeded},
    Row{0, "calendarUsageLimitsExceeded", "", Reason::quota_exceeded},
    Row{0, "dailyLimitExceeded", "", Reason::quota_exceeded},
    Row{0, "rateLimitExceeded", "", Reason::rate_limited},
    Row{0, "userRateLimitExceeded", "", Reason::rate_limited},
    Row{0, "RATE_LIMIT_EXCEEDED", "", Reason::rate_limited},
    Row{401, "", "", Reason::token_rejected, true},
    Row{403, "authError", "", Reason::token_rejected, true},
    Row{400, "", "invalid conference type", Reason::meet_unavailable},
    Row{400, "timeRangeEmpty", "", Reason::invalid_schedule},
    Row{403, "forbiddenForNonOrganizer", "", Reason::request_rejected},
    Row{403, "", "", Reason::calendar_forbidden},
    Row{404, "", "", Reason::meeting_vanished},
    Row{409, "", "", Reason::provider_unavailable},  // "conflict": to be repeated
    Row{410, "fullSyncRequired", "", Reason::request_rejected},
    Row{410, "updatedMinTooLongAgo", "", Reason::request_rejected},
    Row{410, "", "", Reason::meeting_vanished},
    Row{412, "", "", Reason::provider_unavailable},  // to be read again and repeated
    Row{429, "", "", Reason::rate_limited},
    Row{0, "", "", Reason::request_rejected},
};

// PROVIDERS.md 1.1, token-endpoint errors. Rows of the authorization step are here because a body may
// hold them all the same.
constexpr std::array token_rows{
    Row{429, "", "", Reason::rate_limited},
    Row{0, "rate_limit_exceeded", "", Reason::rate_limited},
    Row{0, "invalid_rapt", "", Reason::reauth_policy},
    Row{0, "invalid_grant", "invalid_rapt", Reason::reauth_policy},
    Row{0, "invalid_grant", "account has been deleted", Reason::account_gone},
    Row{0, "invalid_grant", "", Reason::grant_revoked},
    Row{0, "invalid_client", "", Reason::client_rejected},
    Row{0, "deleted_client", "", Reason::client_rejected},
    Row{0, "disabled_client", "", Reason::client_rejected},
    Row{0, "unauthorized_client", "", Reason::client_rejected},
    Row{0, "redirect_uri_mismatch", "", Reason::client_rejected},
    Row{0, "org_internal", "", Reason::client_rejected},
    Row{0, "admin_policy_enforced", "", Reason::blocked_by_admin},
    Row{0, "access_denied", "", Reason::grant_revoked},
    Row{0, "invalid_scope", "", Reason::app_scope_missing},
    Row{0, "internal_failure", "", Reason::provider_unavailable},
    Row{0, "server_error", "", Reason::provider_unavailable},
    Row{0, "temporarily_unavailable", "", Reason::provider_unavailable},
    Row{401, "", "", Reason::client_rejected},
    Row{0, "", "", Reason::request_rejected},
};

struct Said {
    std::vector<std::string> codes;  ///< the most specific first
    std::string words;
};

void add_code(Said& said, std::string code)
{
    if (!code.empty()) {
        said.codes.push_back(std::move(code));
    }
}

/// The error envelope: errors[].reason, then details[].reason, then status (PROVIDERS.md 1.2).
Said said_by_api(const Json::Value& json)
{
    Said said;
    for (const char* list : {"errors", "details"}) {
        const Json::Value& entries = at(json, {"error", list});
        for (Json::ArrayIndex i = 0; entries.isArray() && i < std::min(entries.size(), 8U); ++i) {
            add_code(said, string_at(entries[i], {"reason"}));
        }
    }
    add_code(said, string_at(json, {"error", "status"}));
    add_code(said, string_at(json, {"error"}));  // the flat form of an OAuth error
    said.words = string_at(json, {"error", "message"});
    if (said.words.empty()) {
        said.words = string_at(json, {"error_description"});
    }
    return said;
}

Said said_by_token_endpoint(const Json::Value& json)
{
    Said said;
    add_code(said, string_at(json, {"error_subtype"}));
    add_code(said, string_at(json, {"error"}));
    said.words = string_at(json, {"error_description"});
    return said.codes.empty() ? said_by_api(json) : said;
}

template <std::size_t size>
const Row& first_fit(const std::array<Row, size>& rows, int status, const Said& said)
{
    const auto fits = [&](const Row& row) {
        return (row.status == 0 || row.status == status) &&
               (row.code.empty() ||
                std::find(said.codes.begin(), said.codes.end(), row.code) != said.codes.end()) &&
               contains_ignoring_case(said.words, row.words);
    };
    return *std::find_if(rows.begin(), rows.end() - 1, fits);  // the last one fits always
}

/// With a body that is not JSON only these statuses still say something; the rest comes from a proxy.
bool status_speaks(int status)
{
    return status == 401 || status == 404 || status == 405 || status == 410 || status == 429;
}

template <std::size_t size>
Failure classify(const http::Response& response, Stage stage, const std::array<Row, size>& rows,
                 Said (*read)(const Json::Value&))
{
    const auto json = parse_json(response.body);
    const Said said = json ? read(*json) : Said{};
    const std::string_view code = said.codes.empty() ? std::string_view() : said.codes.front();
    if (const auto reason = reason_without_body(response)) {
        return failure_of(response, stage, *reason, code, said.words);
    }
    if (said.codes.empty() && said.words.empty() && !status_speaks(response.status)) {
        return failure_of(response, stage, Reason::answer_unreadable, {},
                          json ? "the answer names no error" : "the answer is not JSON");
    }
    const Row& row = first_fit(rows, response.status, said);
    Failure failure = failure_of(response, stage, row.reason, code, said.words);
    failure.refresh_may_help = row.refresh_may_help;
    return failure;
}

std::string link_of(const Json::Value& json)
{
    const Json::Value& entries = at(json, {"conferenceData", "entryPoints"});
    for (Json::ArrayIndex i = 0; entries.isArray() && i < entries.size(); ++i) {
        if (string_at(entries[i], {"entryPointType"}) == "video") {
            if (std::string uri = string_at(entries[i], {"uri"}); !uri.empty()) {
                return uri;
            }
        }
    }
    return string_at(json, {"hangoutLink"});
}

Conference conference_of(const Json::Value& json, const std::string& link)
{
    const std::string status =
        string_at(json, {"conferenceData", "createRequest", "status", "statusCode"});
    if (!link.empty()) {
        return Conference::ready;
    }
    if (status == "pending") {
        return Conference::pending;
    }
    if (status == "failure") {
        return Conference::failed;
    }
    return at(json, {"conferenceData"}).isObject() ? Conference::empty : Conference::absent;
}

}  // namespace

std::optional<Event> read_event(std::string_view body)
{
    constexpr std::array<std::string_view, 8> members{
        "id",     "extendedProperties", "etag",          "start", "end",
        "status", "hangoutLink",        "conferenceData"};
    const auto json = parse_json(body, members);
    if (!json || string_at(*json, {"id"}).empty()) {
        return std::nullopt;
    }
    Event event;
    event.id = string_at(*json, {"id"});
    event.session = string_at(*json, {"extendedProperties", "private", "session"});
    event.etag = string_at(*json, {"etag"});
    event.request_id = string_at(*json, {"conferenceData", "createRequest", "requestId"});
    event.starts_at = parse_rfc3339(string_at(*json, {"start", "dateTime"}));
    event.ends_at = parse_rfc3339(string_at(*json, {"end", "dateTime"}));
    event.cancelled = string_at(*json, {"status"}) == "cancelled";
    event.link = link_of(*json);
    event.conference = conference_of(*json, event.link);
    return event;
}

bool is_duplicate(const http::Response& response)
{
    if (response.fault != http::Fault::none || response.status != 409) {
        return false;
    }
    const auto json = parse_json(response.body);
    const Said said = json ? said_by_api(*json) : Said{};
    return std::find(said.codes.begin(), said.codes.end(), "conflict") == said.codes.end();
}

Failure api_failure(const http::Response& response, Stage stage)
{
    return classify(response, stage, api_rows, &said_by_api);
}

std::optional<Tokens> read_tokens(const http::Response& response)
{
    return provider::read_tokens(response, {insert_scopes, Reason::scope_missing});
}

Failure token_failure(const http::Response& response)
{
    if (succeeded(response) && !parse_json(response.body)) {
        return unusable(response, Stage::token, Reason::answer_unreadable,
                        "the answer is not JSON");
    }
    return classify(response, Stage::token, token_rows, &said_by_token_endpoint);
}

}  // namespace meetlink::provider::google
