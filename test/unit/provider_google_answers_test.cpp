#include "provider/google_answers.hpp"

#include <gtest/gtest.h>

#include "provider_script.hpp"

namespace meetlink::provider::google {
namespace {

/// A row of PROVIDERS.md 1.1 or 1.8 and what we make of it.
struct Case {
    const char* name;  ///< quotes the row
    int status;
    const char* body;
    Reason reason;
    bool refresh_may_help = false;
    bool outcome_unknown = false;
};

std::string api(int code, const std::string& domain, const std::string& reason,
                const std::string& message)
{
    return R"({"error":{"code":)" + std::to_string(code) + R"(,"message":")" + message +
           R"(","errors":[{"domain":")" + domain + R"(","reason":")" + reason + R"(","message":")" +
           message + R"("}]}})";
}

struct ApiCase {
    int status;
    const char* domain;
    const char* reason_word;
    const char* message;
    Reason reason;
    bool refresh_may_help = false;
    bool outcome_unknown = false;
};

TEST(GoogleApiError, EveryRowOfProviders1_8HasItsReason)
{
    const ApiCase rows[] = {
        {400, "calendar", "timeRangeEmpty", "The specified time range is empty.",
         Reason::invalid_schedule},
        {400, "global", "invalid", "Invalid resource id value.", Reason::request_rejected},
        {400, "global", "required", "Missing end time.", Reason::request_rejected},
        {400, "global", "parseError", "Parse Error", Reason::request_rejected},
        {400, "global", "badRequest", "Bad Request", Reason::request_rejected},
        {400, "global", "invalid", "Invalid conference type value.", Reason::meet_unavailable},
        {401, "global", "authError", "Invalid Credentials", Reason::token_rejected, true},
        {401, "global", "required", "Login Required.", Reason::token_rejected, true},
        {403, "global", "authError", "Invalid Credentials", Reason::token_rejected, true},
        {403, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded", Reason::rate_limited},
        {403, "usageLimits", "userRateLimitExceeded", "User Rate Limit Exceeded",
         Reason::rate_limited},
        {403, "usageLimits", "quotaExceeded", "Calendar usage limits exceeded.",
         Reason::quota_exceeded},
        {403, "usageLimits", "calendarUsageLimitsExceeded", "Calendar usage limits exceeded.",
         Reason::quota_exceeded},
        {403, "usageLimits", "dailyLimitExceeded", "Daily Limit Exceeded", Reason::quota_exceeded},
        {403, "usageLimits", "accessNotConfigured", "Access Not Configured.", Reason::api_disabled},
        {403, "global", "insufficientPermissions", "Insufficient Permission",
         Reason::scope_missing},
        {403, "global", "forbidden", "Forbidden", Reason::calendar_forbidden},
        {403, "global", "requiredAccessLevel", "You need to have writer access to this calendar.",
         Reason::calendar_forbidden},
        {403, "calendar", "forbiddenForNonOrganizer",
         "Shared properties can only be changed by the organizer of the event.",
         Reason::request_rejected},
        {404, "global", "notFound", "Not Found", Reason::meeting_vanished},
        {409, "global", "conflict", "Conflict", Reason::provider_unavailable},
        {410, "global", "deleted", "Resource has been deleted", Reason::meeting_vanished},
        {410, "calendar", "fullSyncRequired", "Sync token is no longer valid.",
         Reason::request_rejected},
        {410, "calendar", "updatedMinTooLongAgo",
         "The requested minimum modification time lies too far in the past.",
         Reason::request_rejected},
        {412, "global", "conditionNotMet", "Precondition Failed", Reason::provider_unavailable},
        {429, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded", Reason::rate_limited},
        {500, "global", "backendError", "Backend Error", Reason::provider_unavailable, false, true},
        {500, "global", "internalError", "Internal Error", Reason::provider_unavailable, false,
         true},
        {503, "global", "backendError", "Service Unavailable", Reason::provider_unavailable, false,
         true},
    };
    for (const ApiCase& row : rows) {
        SCOPED_TRACE(std::to_string(row.status) + " " + row.domain + "/" + row.reason_word + " " +
                     row.message);
        const auto answer =
            test::response(row.status, api(row.status, row.domain, row.reason_word, row.message));
        const Failure failure = api_failure(answer, Stage::create);
        EXPECT_EQ(code(failure.reason), code(row.reason));
        EXPECT_EQ(failure.refresh_may_help, row.refresh_may_help);
        EXPECT_EQ(failure.outcome_unknown, row.outcome_unknown);
        EXPECT_EQ(failure.http_status, row.status);
        EXPECT_EQ(failure.provider_code, row.reason_word);
        EXPECT_EQ(failure.detail, "HTTP " + std::to_string(row.status) + " " + row.reason_word +
                                      " from provider.example: " + row.message);
        EXPECT_FALSE(api_failure(answer, Stage::find).outcome_unknown) << "reading changes nothing";
    }
}

TEST(GoogleApiError, OtherFormsOfTheEnvelope)
{
    const Case rows[] = {
        {"details only: ACCESS_TOKEN_SCOPE_INSUFFICIENT", 403,
         R"j({"error":{"code":403,"message":"Request had insufficient authentication scopes.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT","domain":"googleapis.com","metadata":{}}]}})j",
         Reason::scope_missing},
        {"generic in errors, SERVICE_DISABLED in details", 403,
         R"j({"error":{"code":403,"message":"Google Calendar API has not been used in project 1 before or it is disabled.","errors":[{"domain":"global","reason":"forbidden"}],"status":"PERMISSION_DENIED","details":[{"reason":"SERVICE_DISABLED"}]}})j",
         Reason::api_disabled},
        {"status only: UNAUTHENTICATED", 401,
         R"j({"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED"}})j",
         Reason::token_rejected, true},
        {"status only: PERMISSION_DENIED", 403,
         R"j({"error":{"code":403,"message":"no","status":"PERMISSION_DENIED"}})j",
         Reason::calendar_forbidden},
        {"status only: RESOURCE_EXHAUSTED", 429,
         R"j({"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED"}})j",
         Reason::rate_limited},
        {"flat form of an OAuth error", 401,
         R"j({"error":"invalid_token","error_description":"Invalid Value"})j",
         Reason::token_rejected, true},
        {"401 without a body", 401, "", Reason::token_rejected, true},
        {"429 that is not JSON", 429, "<html>", Reason::rate_limited},
        {"502/503/504 maybe HTML", 502, "<html>Bad Gateway</html>", Reason::provider_unavailable,
         false, true},
        {"502/503/504 maybe HTML", 503, "", Reason::provider_unavailable, false, true},
        {"502/503/504 maybe HTML", 504, "upstream request timeout", Reason::provider_unavailable,
         false, true},
        {"403 from a proxy", 403, "<html>blocked</html>", Reason::answer_unreadable},
        {"400 that is not JSON", 400, "<html>400</html>", Reason::answer_unreadable},
        {"redirect", 302, "", Reason::answer_unreadable},
        {"408", 408, "", Reason::provider_timeout, false, true},
        {"400 with an unknown reason", 400,
         R"j({"error":{"message":"?","errors":[{"reason":"brandNew"}]}})j",
         Reason::request_rejected},
    };
    for (const Case& row : rows) {
        SCOPED_TRACE(row.name);
        const Failure failure = api_failure(test::response(row.status, row.body), Stage::create);
        EXPECT_EQ(code(failure.reason), code(row.reason));
        EXPECT_EQ(failure.refresh_may_help, row.refresh_may_help);
        EXPECT_EQ(failure.outcome_unknown, row.outcome_unknown);
    }
}

TEST(GoogleTokenError, EveryRowOfProviders1_1HasItsReason)
{
    const Case rows[] = {
        {"invalid_grant: Token has been expired or revoked.", 400,
         R"j({"error":"invalid_grant","error_description":"Token has been expired or revoked."})j",
         Reason::grant_revoked},
        {"invalid_grant: Bad Request", 400,
         R"j({"error":"invalid_grant","error_description":"Bad Request"})j", Reason::grant_revoked},
        {"invalid_grant + error_subtype invalid_rapt", 400,
         R"j({"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)","error_uri":"https://support.google.com","error_subtype":"invalid_rapt"})j",
         Reason::reauth_policy},
        {"invalid_grant, invalid_rapt in the description only", 400,
         R"j({"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)"})j",
         Reason::reauth_policy},
        {"invalid_grant: Malformed auth code.", 400,
         R"j({"error":"invalid_grant","error_description":"Malformed auth code."})j",
         Reason::grant_revoked},
        {"invalid_grant: Invalid code verifier.", 400,
         R"j({"error":"invalid_grant","error_description":"Invalid code verifier."})j",
         Reason::grant_revoked},
        {"invalid_grant: Missing code verifier.", 400,
         R"j({"error":"invalid_grant","error_description":"Missing code verifier."})j",
         Reason::grant_revoked},
        {"redirect_uri_mismatch: Bad Request", 400,
         R"j({"error":"redirect_uri_mismatch","error_description":"Bad Request"})j",
         Reason::client_rejected},
        {"invalid_request: Could not determine client ID from request.", 400,
         R"j({"error":"invalid_request","error_description":"Could not determine client ID from request."})j",
         Reason::request_rejected},
        {"invalid_request: client_secret is missing.", 400,
         R"j({"error":"invalid_request","error_description":"client_secret is missing."})j",
         Reason::request_rejected},
        {"invalid_request: Missing required parameter: code", 400,
         R"j({"error":"invalid_request","error_description":"Missing required parameter: code"})j",
         Reason::request_rejected},
        {"invalid_request: Missing parameter: redirect_uri", 400,
         R"j({"error":"invalid_request","error_description":"Missing parameter: redirect_uri"})j",
         Reason::request_rejected},
        {"unsupported_grant_type: Invalid grant_type: foo", 400,
         R"j({"error":"unsupported_grant_type","error_description":"Invalid grant_type: foo"})j",
         Reason::request_rejected},
        {"invalid_client: The OAuth client was not found.", 401,
         R"j({"error":"invalid_client","error_description":"The OAuth client was not found."})j",
         Reason::client_rejected},
        {"invalid_client: Unauthorized", 401,
         R"j({"error":"invalid_client","error_description":"Unauthorized"})j",
         Reason::client_rejected},
        {"deleted_client: The OAuth client was deleted.", 401,
         R"j({"error":"deleted_client","error_description":"The OAuth client was deleted."})j",
         Reason::client_rejected},
        {"unauthorized_client 400", 400, R"j({"error":"unauthorized_client"})j",
         Reason::client_rejected},
        {"unauthorized_client 401", 401, R"j({"error":"unauthorized_client"})j",
         Reason::client_rejected},
        {"admin_policy_enforced", 400, R"j({"error":"admin_policy_enforced"})j",
         Reason::blocked_by_admin},
        {"access_denied (authorize step)", 403, R"j({"error":"access_denied"})j",
         Reason::grant_revoked},
        {"org_internal (authorize step)", 403, R"j({"error":"org_internal"})j",
         Reason::client_rejected},
        {"429 rate_limit_exceeded", 429, R"j({"error":"rate_limit_exceeded"})j",
         Reason::rate_limited},
        {"500 internal_failure", 500, R"j({"error":"internal_failure"})j",
         Reason::provider_unavailable, false, true},
        {"500 server_error", 500, R"j({"error":"server_error"})j", Reason::provider_unavailable,
         false, true},
        {"503 temporarily_unavailable", 503, R"j({"error":"temporarily_unavailable"})j",
         Reason::provider_unavailable, false, true},
        {"429 non-JSON body", 429, "<html>", Reason::rate_limited},
        {"503 non-JSON body", 503, "<html>", Reason::provider_unavailable, false, true},
        {"405 GET on the token URL", 405, "<html>405</html>", Reason::request_rejected},
        {"200 with an error body", 200,
         R"j({"error":"invalid_grant","error_description":"Bad Request"})j", Reason::grant_revoked,
         false, true},
        {"200 with HTML", 200, "<html>captive portal</html>", Reason::answer_unreadable, false,
         true},
        {"200 without a token", 200, R"j({"token_type":"Bearer"})j", Reason::answer_unreadable,
         false, true},
        {"redirect", 302, "", Reason::answer_unreadable},
    };
    for (const Case& row : rows) {
        SCOPED_TRACE(row.name);
        const Failure failure = token_failure(test::response(row.status, row.body));
        EXPECT_EQ(code(failure.reason), code(row.reason));
        EXPECT_EQ(failure.outcome_unknown, row.outcome_unknown);
        EXPECT_FALSE(failure.refresh_may_help);
        EXPECT_EQ(failure.stage, Stage::token);
    }
    const Failure failure = token_failure(test::response(
        401,
        R"j({"error":"invalid_client","error_description":"The OAuth client was not found."})j"));
    EXPECT_EQ(failure.detail,
              "HTTP 401 invalid_client from provider.example: The OAuth client was not found.");
    EXPECT_EQ(failure.provider_code, "invalid_client");
}

TEST(GoogleAnswers, HostileBodiesNeverThrowAndAlwaysHaveAReason)
{
    for (const std::string& body : test::hostile_bodies()) {
        SCOPED_TRACE(body.substr(0, 60));
        for (const int status :
             {100, 200, 204, 302, 400, 401, 403, 404, 409, 410, 412, 429, 500, 503, 999}) {
            const auto answer = test::response(status, body);
            EXPECT_TRUE(test::storable(api_failure(answer, Stage::create).detail)) << status;
            EXPECT_TRUE(test::storable(token_failure(answer).detail)) << status;
            EXPECT_EQ(is_duplicate(answer), status == 409);
        }
        EXPECT_FALSE(read_event(body).has_value());
    }
}

TEST(GoogleAnswers, EventIsReadAsFarAsItGoes)
{
    const auto event = read_event(
        R"j({"id":"ml1","etag":"\"7\"","status":"confirmed","start":{"dateTime":"2026-12-01T11:00:00+01:00"},
            "extendedProperties":{"private":{"session":"42"}},"hangoutLink":"https://meet.google.com/fallback",
            "conferenceData":{"createRequest":{"requestId":"r","status":{"statusCode":"success"}},
              "entryPoints":[{"entryPointType":"phone","uri":"tel:+1"},
                             {"entryPointType":"video","uri":"https://meet.google.com/abc"}]}})j");
    ASSERT_TRUE(event);
    EXPECT_EQ(event->link, "https://meet.google.com/abc");
    EXPECT_EQ(event->conference, Conference::ready);
    EXPECT_EQ(event->session, "42");
    EXPECT_EQ(event->request_id, "r");
    EXPECT_EQ(event->starts_at, std::chrono::sys_seconds{std::chrono::seconds{1796119200}});
    EXPECT_EQ(read_event(R"j({"id":"x","hangoutLink":"https://meet.google.com/b"})j")->link,
              "https://meet.google.com/b");
    EXPECT_EQ(read_event(R"j({"id":"x"})j")->conference, Conference::absent);
    EXPECT_EQ(read_event(R"j({"id":"x","conferenceData":{}})j")->conference, Conference::empty);
    EXPECT_EQ(
        read_event(
            R"j({"id":"x","conferenceData":{"createRequest":{"status":{"statusCode":"pending"}}}})j")
            ->conference,
        Conference::pending);
    EXPECT_EQ(
        read_event(
            R"j({"id":"x","conferenceData":{"createRequest":{"status":{"statusCode":"failure"}}}})j")
            ->conference,
        Conference::failed);
    EXPECT_TRUE(read_event(R"j({"id":"x","status":"cancelled"})j")->cancelled);
}

}  // namespace
}  // namespace meetlink::provider::google
