#include "provider/zoom_answers.hpp"

#include <algorithm>
#include <array>

#include "base/json.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "http/retry_after.hpp"
#include "provider/answer.hpp"
#include "provider/token_answer.hpp"

namespace meetlink::provider::zoom {
namespace {

/// A row of the error table. A code of 0, a status of 0 and empty `words` fit everything.
struct Row {
    int code;
    int status;
    std::string_view words;  ///< part of the message, in any case
    Reason reason;
    bool refresh_may_help = false;
};

// PROVIDERS.md 2.2, granular and classic; a Zoom account administrator's application has the names with ":admin".
constexpr std::array<std::string_view, 4> create_scopes{
    "meeting:write:meeting",
    "meeting:write",
    "meeting:write:meeting:admin",
    "meeting:write:admin",
};

// PROVIDERS.md 2.3 and the list of OAuth codes in 2.1. The code decides before the status, because
// sources differ about the statuses. The first row that fits counts.
constexpr std::array api_rows{
    Row{124, 0, "", Reason::token_rejected, true},
    Row{200, 401, "", Reason::token_rejected, true},
    Row{201, 401, "", Reason::token_rejected, true},
    Row{4711, 0, "", Reason::app_scope_missing},
    Row{4700, 0, "", Reason::app_scope_missing},
    Row{200, 0, "paid account", Reason::plan_required},
    Row{0, 400, "meetings can be created/updated for a single user in one day",
        Reason::daily_limit},
    // a page token lives 15 minutes; the next attempt starts from the first page
    Row{300, 0, "page token", Reason::answer_unreadable},
    Row{300, 0, "next_page_token", Reason::answer_unreadable},
    Row{300, 0, "", Reason::request_rejected},
    Row{1001, 0, "", Reason::account_gone},
    Row{1010, 0, "", Reason::account_gone},
    Row{2306, 0, "", Reason::hosting_not_allowed},
    Row{3000, 0, "cannot schedule a meeting", Reason::hosting_not_allowed},
    Row{3000, 0, "block", Reason::blocked_by_admin},
    Row{3000, 0, "", Reason::request_rejected},
    Row{3001, 0, "", Reason::meeting_vanished},
    Row{3002, 0, "", Reason::provider_unavailable},  // in progress: deleting it must wait
    Row{3003, 0, "", Reason::hosting_not_allowed},
    Row{3007, 0, "", Reason::meeting_vanished},  // ended
    Row{3018, 0, "", Reason::request_rejected},
    Row{3037, 0, "", Reason::request_rejected},
    Row{3161, 0, "", Reason::hosting_not_allowed},
    Row{4702, 0, "", Reason::client_rejected},
    Row{4704, 0, "", Reason::client_rejected},
    Row{4705, 0, "", Reason::request_rejected},
    Row{4706, 0, "", Reason::client_rejected},
    Row{4709, 0, "", Reason::client_rejected},
    Row{4717, 0, "", Reason::client_rejected},
    Row{4733, 0, "", Reason::grant_revoked},
    Row{4734, 0, "", Reason::grant_revoked},
    Row{4735, 0, "", Reason::account_gone},
    // The application may hold a newer grant of the same account: a refresh reads it again.
    Row{4737, 0, "", Reason::grant_revoked, true},
    Row{4738, 0, "", Reason::blocked_by_admin},
    Row{4740, 0, "", Reason::grant_revoked},
    Row{4741, 0, "", Reason::grant_revoked, true},
    Row{0, 429, "daily rate limit", Reason::daily_limit},
    Row{0, 429, "", Reason::rate_limited},
    Row{4001, 0, "", Reason::rate_limited},
    Row{0, 401, "", Reason::token_rejected, true},
    Row{0, 403, "", Reason::hosting_not_allowed},
    Row{0, 404, "", Reason::meeting_vanished},
    Row{0, 410, "", Reason::meeting_vanished},
    Row{0, 0, "", Reason::request_rejected},
};

/// As above for the token endpoint, which names its errors with a word.
struct TokenRow {
    std::string_view error;
    int status;
    std::string_view words;
    Reason reason;
};

constexpr std::array token_rows{
    TokenRow{"", 429, "", Reason::rate_limited},
    TokenRow{"invalid_grant", 0, "", Reason::grant_revoked},
    TokenRow{"invalid_request", 0, "invalid token", Reason::grant_revoked},
    TokenRow{"invalid_token", 0, "", Reason::grant_revoked},
    TokenRow{"invalid_client", 0, "", Reason::client_rejected},
    TokenRow{"unauthorized_client", 0, "", Reason::client_rejected},
    TokenRow{"invalid_scope", 0, "", Reason::app_scope_missing},
    TokenRow{"server_error", 0, "", Reason::provider_unavailable},
    TokenRow{"temporarily_unavailable", 0, "", Reason::provider_unavailable},
    TokenRow{"", 401, "", Reason::client_rejected},
    TokenRow{"", 0, "", Reason::request_rejected},
};

struct Said {
    int code = 0;
    std::string error;  ///< the token endpoint's word
    std::string words;
};

Said read_said(const Json::Value& json)
{
    Said said;
    const auto code = integer_at(json, {"code"});
    said.code = code && *code > 0 && *code < 1'000'000 ? static_cast<int>(*code) : 0;
    said.error = string_at(json, {"error"});
    for (const char* key : {"message", "reason", "error_description", "errorMessage"}) {
        if (said.words.empty()) {
            said.words = string_at(json, {key});
        }
    }
    // "Validation Failed." says nothing without its fields
    const Json::Value& fields = at(json, {"errors"});
    for (Json::ArrayIndex i = 0; fields.isArray() && i < std::min(fields.size(), 3U); ++i) {
        said.words +=
            " (" + string_at(fields[i], {"field"}) + ": " + string_at(fields[i], {"message"}) + ")";
    }
    return said;
}

bool is_daily(const http::Response& response)
{
    return response.status == 429 && contains_ignoring_case(response.rate_limit_type, "daily");
}

/// With a body that is not JSON only these statuses still say something; the rest comes from a proxy.
bool status_speaks(int status)
{
    return status == 401 || status == 405 || status == 410 || status == 429;
}

std::string code_of(const Said& said)
{
    if (!said.error.empty()) {
        return said.error;
    }
    return said.code != 0 ? std::to_string(said.code) : std::string();
}

/// What needs no table: no answer, 5xx, or a body that says nothing.
std::optional<Failure> failure_without_table(const http::Response& response, Stage stage,
                                             const std::optional<Json::Value>& json,
                                             const Said& said)
{
    if (const auto reason = reason_without_body(response)) {
        return failure_of(response, stage, *reason, code_of(said), said.words);
    }
    if (said.code == 0 && said.error.empty() && said.words.empty() &&
        !status_speaks(response.status)) {
        return unusable(response, stage, Reason::answer_unreadable,
                        json ? "the answer names no error" : "the answer is not JSON");
    }
    return std::nullopt;
}

const Row& first_fit(int status, const Said& said)
{
    return *std::find_if(api_rows.begin(), api_rows.end() - 1, [&](const Row& row) {
        return (row.code == 0 || row.code == said.code) &&
               (row.status == 0 || row.status == status) &&
               contains_ignoring_case(said.words, row.words);
    });
}

Failure failure_by_code(const http::Response& response, Stage stage, const Said& said)
{
    const Row& row = first_fit(response.status, said);
    const Reason reason = is_daily(response) ? Reason::daily_limit : row.reason;
    Failure failure = failure_of(response, stage, reason, code_of(said), said.words);
    failure.refresh_may_help = row.refresh_may_help;
    if (reason == Reason::daily_limit && (response.retry_after.empty() || !failure.retry_after)) {
        // the daily counters start again at 00:00 UTC, by Zoom's clock (PROVIDERS.md 2.4)
        const auto now = http::answered_at(
            response, std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
        failure.retry_after = next_utc_midnight(now) - now;
    }
    return failure;
}

ZoomMeeting meeting_of(const Json::Value& json)
{
    ZoomMeeting meeting;
    // 10 or 11 digits, beyond 32 bits; never 0 or negative
    const auto id = integer_at(json, {"id"});
    meeting.id = id && *id > 0 ? std::to_string(*id) : std::string();
    meeting.topic = string_at(json, {"topic"});
    meeting.agenda = string_at(json, {"agenda"});
    meeting.created_at = string_at(json, {"created_at"});
    meeting.starts_at = parse_rfc3339(string_at(json, {"start_time"}));
    meeting.join_url = string_at(json, {"join_url"});
    return meeting;
}

}  // namespace

std::optional<ZoomMeeting> read_meeting(std::string_view body)
{
    constexpr std::array<std::string_view, 6> members{"id",         "topic",      "agenda",
                                                      "created_at", "start_time", "join_url"};
    const auto json = parse_json(body, members);
    if (!json) {
        return std::nullopt;
    }
    ZoomMeeting meeting = meeting_of(*json);
    return meeting.id.empty() ? std::nullopt : std::optional(std::move(meeting));
}

std::optional<Page> read_page(std::string_view body)
{
    const auto json = parse_json(body);
    if (!json || !at(*json, {"meetings"}).isArray()) {
        return std::nullopt;
    }
    Page page;
    page.next_page_token = string_at(*json, {"next_page_token"});
    for (const Json::Value& entry : at(*json, {"meetings"})) {
        ZoomMeeting meeting = meeting_of(entry);
        if (!meeting.id.empty()) {
            page.meetings.push_back(std::move(meeting));
        }
    }
    return page;
}

Failure api_failure(const http::Response& response, Stage stage)
{
    const auto json = parse_json(response.body);
    const Said said = json ? read_said(*json) : Said{};
    if (auto failure = failure_without_table(response, stage, json, said)) {
        return std::move(*failure);
    }
    return failure_by_code(response, stage, said);
}

std::optional<Tokens> read_tokens(const http::Response& response)
{
    return provider::read_tokens(response, {create_scopes, Reason::app_scope_missing});
}

Failure token_failure(const http::Response& response)
{
    const auto json = parse_json(response.body);
    const Said said = json ? read_said(*json) : Said{};
    if (auto failure = failure_without_table(response, Stage::token, json, said)) {
        return std::move(*failure);
    }
    if (said.code >= 4700 && said.code < 4800) {
        Failure failure = failure_by_code(response, Stage::token, said);
        failure.refresh_may_help = false;  // this was the refresh
        return failure;
    }
    const auto row =
        std::find_if(token_rows.begin(), token_rows.end() - 1, [&](const TokenRow& candidate) {
            return (candidate.error.empty() || candidate.error == said.error) &&
                   (candidate.status == 0 || candidate.status == response.status) &&
                   contains_ignoring_case(said.words, candidate.words);
        });
    // a 2xx that names no error word is an answer that lacks its token, not a refusal
    const Reason reason =
        succeeded(response) && said.error.empty() ? Reason::answer_unreadable : row->reason;
    Failure failure = failure_of(response, Stage::token, reason, code_of(said), said.words);
    if (!said.error.empty() && succeeded(response)) {
        failure.outcome_unknown = false;  // a refusal, whatever its status: nothing was rotated
    }
    return failure;
}

}  // namespace meetlink::provider::zoom
