#include "provider/zoom_answers.hpp"

#include <gtest/gtest.h>

#include "provider_script.hpp"

namespace meetlink::provider::zoom {
namespace {

struct Case {
    const char* name;  ///< quotes the row of PROVIDERS.md
    int status;
    const char* body;
    Reason reason;
    bool refresh_may_help = false;
    bool outcome_unknown = false;
};

TEST(ZoomApiError, EveryRowOfProviders2_3HasItsReason)
{
    const Case rows[] = {
        {"401 124 Access token is expired.", 401,
         R"j({"code":124,"message":"Access token is expired."})j", Reason::token_rejected, true},
        {"401 124 Invalid access token.", 401,
         R"j({"code":124,"message":"Invalid access token."})j", Reason::token_rejected, true},
        {"401 200 (common-errors.md)", 401, R"j({"code":200,"message":"?"})j",
         Reason::token_rejected, true},
        {"401 201 (common-errors.md)", 401, R"j({"code":201,"message":"token expired"})j",
         Reason::token_rejected, true},
        {"400 4711", 400,
         R"j({"code":4711,"message":"Invalid access token, does not contain scopes:[meeting:update:meeting:admin, meeting:update:meeting]."})j",
         Reason::app_scope_missing},
        {"401 4711 also seen", 401,
         R"j({"code":4711,"message":"Invalid access token, does not contain scopes:[x]."})j",
         Reason::app_scope_missing},
        {"403 4711 also seen", 403,
         R"j({"code":4711,"message":"Invalid access token, does not contain scopes:[x]."})j",
         Reason::app_scope_missing},
        {"401 4700", 401,
         R"j({"code":4700,"message":"Invalid access token, does not contain scopes."})j",
         Reason::app_scope_missing},
        {"400 4700", 400, R"j({"code":4700,"message":"token invalid"})j",
         Reason::app_scope_missing},
        {"400 300 Request Body should be a valid JSON object.", 400,
         R"j({"code":300,"message":"Request Body should be a valid JSON object."})j",
         Reason::request_rejected},
        {"400 300 Validation Failed.", 400,
         R"j({"code":300,"message":"Validation Failed.","errors":[{"field":"start_time","message":"Invalid field."}]})j",
         Reason::request_rejected},
        {"400 300 schedule_for", 400,
         R"j({"code":300,"message":"The value that you entered in the schedule_for field is invalid."})j",
         Reason::request_rejected},
        {"400 300 Invalid enforce_login_domains", 400,
         R"j({"code":300,"message":"Invalid enforce_login_domains, separate multiple domains by semicolon."})j",
         Reason::request_rejected},
        {"400 300 Invalid parameter: occurrence_id.", 400,
         R"j({"code":300,"message":"Invalid parameter: occurrence_id."})j",
         Reason::request_rejected},
        {"400 300 expired page token", 400,
         R"j({"code":300,"message":"The next page token is invalid or expired."})j",
         Reason::answer_unreadable},
        {"400 3161", 400,
         R"j({"code":3161,"message":"Your user account is not allowed meeting hosting and scheduling capabilities."})j",
         Reason::hosting_not_allowed},
        {"400 3000 You cannot schedule a meeting for {userId}", 400,
         R"j({"code":3000,"message":"You cannot schedule a meeting for abc."})j",
         Reason::hosting_not_allowed},
        {"400 3000 blocked domains", 400,
         R"j({"code":3000,"message":"The following domains have been blocked: example.org."})j",
         Reason::blocked_by_admin},
        {"400 3000 Cannot access webinar info.", 400,
         R"j({"code":3000,"message":"Cannot access webinar info."})j", Reason::request_rejected},
        {"400 3000 instant + schedule_for", 400,
         R"j({"code":3000,"message":"Instant meeting do not support the schedule_for parameter."})j",
         Reason::request_rejected},
        {"400 200 Only available for paid account", 400,
         R"j({"code":200,"message":"Only available for paid account: abc."})j",
         Reason::plan_required},
        {"400 3018 cannot delete PMI", 400,
         R"j({"code":3018,"message":"Not allowed to delete PMI."})j", Reason::request_rejected},
        {"400 3037 cannot delete PAC", 400,
         R"j({"code":3037,"message":"Not allowed to delete PAC."})j", Reason::request_rejected},
        {"400 3002 in progress", 400,
         R"j({"code":3002,"message":"Sorry, you cannot delete this meeting since it is in progress."})j",
         Reason::provider_unavailable},
        {"400 3003 not meeting host", 400,
         R"j({"code":3003,"message":"You are not the meeting host."})j",
         Reason::hosting_not_allowed},
        {"403 3007 ended", 403,
         R"j({"code":3007,"message":"Sorry, you cannot delete this meeting since it has ended."})j",
         Reason::meeting_vanished},
        {"404 1001 User does not exist", 404,
         R"j({"code":1001,"message":"User does not exist: abc."})j", Reason::account_gone},
        {"404 1010 User does not belong to this account", 404,
         R"j({"code":1010,"message":"User does not belong to this account: abc."})j",
         Reason::account_gone},
        {"400 1010 also seen", 400,
         R"j({"code":1010,"message":"User does not belong to this account: abc."})j",
         Reason::account_gone},
        {"404 3001 Meeting does not exist", 404,
         R"j({"code":3001,"message":"Meeting does not exist: 123."})j", Reason::meeting_vanished},
        {"403 2306 etc.", 403,
         R"j({"code":2306,"message":"not allowed to view others' meetings"})j",
         Reason::hosting_not_allowed},
        {"403 etc.", 403, R"j({"code":2399,"message":"?"})j", Reason::hosting_not_allowed},
        {"429 per-second rate limit", 429,
         R"j({"code":429,"message":"You have reached the maximum per-second rate limit for this API. Try again later."})j",
         Reason::rate_limited},
        {"429 4001 (one source)", 429,
         R"j({"code":4001,"message":"You have reached the maximum per-second rate limit for this API. Try again later."})j",
         Reason::rate_limited},
        {"429 maximum daily rate limit", 429,
         R"j({"code":429,"message":"You have reached the maximum daily rate limit for this API. Refer to the response header for details."})j",
         Reason::daily_limit},
        {"429 daily rate limit (100) of Meeting Create/Update", 429,
         R"j({"code":429,"message":"You have exceeded the daily rate limit (100) of Meeting Create/Update API requests permitted for this particular user. You may resume these requests at GMT 00:00:00."})j",
         Reason::daily_limit},
        {"400 300 (old) A maximum of {n} meetings", 400,
         R"j({"code":300,"message":"A maximum of 100 meetings can be created/updated for a single user in one day."})j",
         Reason::daily_limit},
        {"429 Too many concurrent requests.", 429,
         R"j({"code":429,"message":"Too many concurrent requests. key"})j", Reason::rate_limited},
        {"500-504 JSON", 500, R"j({"code":500,"message":"Internal error"})j",
         Reason::provider_unavailable, false, true},
        {"500-504 maybe HTML", 502, "<html>Bad Gateway</html>", Reason::provider_unavailable, false,
         true},
        {"500-504 maybe HTML", 503, "", Reason::provider_unavailable, false, true},
        {"500-504 maybe HTML", 504, "", Reason::provider_unavailable, false, true},
        {"429 that is not JSON", 429, "slow down", Reason::rate_limited},
        {"401 without a body", 401, "", Reason::token_rejected, true},
        {"403 from a proxy", 403, "<html>blocked</html>", Reason::answer_unreadable},
        {"404 from a proxy", 404, "<html>no such page</html>", Reason::answer_unreadable},
        {"code as text", 401, R"j({"code":"124","message":"Invalid access token."})j",
         Reason::token_rejected, true},
        {"unknown code", 400, R"j({"code":777777,"message":"new"})j", Reason::request_rejected},
        {"redirect", 302, "", Reason::answer_unreadable},
        // the OAuth codes of 2.1 that may come as `code`
        {"4702 invalid client", 401, R"j({"code":4702,"message":"Invalid client."})j",
         Reason::client_rejected},
        {"4704 invalid client secret", 401, R"j({"code":4704,"message":"Invalid client secret."})j",
         Reason::client_rejected},
        {"4705 grant type", 400, R"j({"code":4705,"message":"Grant type."})j",
         Reason::request_rejected},
        {"4706 client id/secret or grant type missing", 400,
         R"j({"code":4706,"message":"missing"})j", Reason::client_rejected},
        {"4709 redirect mismatch", 400, R"j({"code":4709,"message":"Redirect uri mismatch."})j",
         Reason::client_rejected},
        {"4717 app disabled", 400, R"j({"code":4717,"message":"The app has been disabled."})j",
         Reason::client_rejected},
        {"4733 code expired", 400, R"j({"code":4733,"message":"Code is expired."})j",
         Reason::grant_revoked},
        {"4734 invalid code", 400, R"j({"code":4734,"message":"Invalid authorization code."})j",
         Reason::grant_revoked},
        {"4735 owner of the token does not exist", 400,
         R"j({"code":4735,"message":"The owner of the token does not exist."})j",
         Reason::account_gone},
        {"4737 authentication not found", 401,
         R"j({"code":4737,"message":"Authentication not found."})j", Reason::grant_revoked, true},
        {"4738 disabled by admin", 401, R"j({"code":4738,"message":"Disabled by admin."})j",
         Reason::blocked_by_admin},
        {"4740 refresh used too often", 400, R"j({"code":4740,"message":"?"})j",
         Reason::grant_revoked},
        {"4741 token revoked", 401, R"j({"code":4741,"message":"The token has been revoked."})j",
         Reason::grant_revoked, true},
    };
    for (const Case& row : rows) {
        SCOPED_TRACE(row.name);
        const auto answer = test::response(row.status, row.body);
        const Failure failure = api_failure(answer, Stage::create);
        EXPECT_EQ(code(failure.reason), code(row.reason));
        EXPECT_EQ(failure.refresh_may_help, row.refresh_may_help);
        EXPECT_EQ(failure.outcome_unknown, row.outcome_unknown);
        EXPECT_EQ(failure.http_status, row.status);
        EXPECT_FALSE(api_failure(answer, Stage::find).outcome_unknown) << "reading changes nothing";
    }
}

TEST(ZoomApiError, DetailHoldsCodeAndFields)
{
    const Failure failure = api_failure(
        test::response(
            400,
            R"j({"code":300,"message":"Validation Failed.","errors":[{"field":"start_time","message":"Invalid field."}]})j"),
        Stage::create);
    EXPECT_EQ(
        failure.detail,
        "HTTP 400 300 from provider.example: Validation Failed. (start_time: Invalid field.)");
    EXPECT_EQ(failure.provider_code, "300");
}

TEST(ZoomDailyLimit, WaitsForMidnightUtcByZoomsClockUnlessAHeaderSaysWhen)
{
    using namespace std::chrono_literals;
    auto answer = test::response(
        429, R"j({"code":429,"message":"You have exceeded the daily rate limit (100)"})j");
    answer.date = "Sun, 22 Nov 2026 22:30:00 GMT";
    EXPECT_EQ(api_failure(answer, Stage::create).retry_after, 90min);
    answer.retry_after = "garbage";
    EXPECT_EQ(api_failure(answer, Stage::create).retry_after, 90min);
    answer.retry_after = "2026-11-22T23:00:00Z";
    EXPECT_EQ(api_failure(answer, Stage::create).retry_after, 30min);
    answer.retry_after = "60";
    EXPECT_EQ(api_failure(answer, Stage::create).retry_after, 60s);
}

TEST(ZoomDailyLimit, IsRecognisedByTheHeaderToo)
{
    auto answer = test::response(429, R"j({"code":429,"message":"slow down"})j");
    answer.rate_limit_type = "Daily-limit";
    EXPECT_EQ(api_failure(answer, Stage::create).reason, Reason::daily_limit);
    answer.rate_limit_type = "QPS";
    EXPECT_EQ(api_failure(answer, Stage::create).reason, Reason::rate_limited);
}

TEST(ZoomTokenError, EveryRowOfProviders2_1HasItsReason)
{
    const Case rows[] = {
        {"400 Invalid Token! invalid_grant", 400,
         R"j({"reason":"Invalid Token!","error":"invalid_grant"})j", Reason::grant_revoked},
        {"400 Invalid Token! invalid_request (older shape)", 400,
         R"j({"reason":"Invalid Token!","error":"invalid_request"})j", Reason::grant_revoked},
        {"401 Invalid Token! invalid_request (older shape)", 401,
         R"j({"reason":"Invalid Token!","error":"invalid_request"})j", Reason::grant_revoked},
        {"400 invalid_client", 400,
         R"j({"reason":"Invalid client_id or client_secret","error":"invalid_client"})j",
         Reason::client_rejected},
        {"401 invalid_client", 401,
         R"j({"reason":"Invalid client credentials","error":"invalid_client"})j",
         Reason::client_rejected},
        {"400 unsupported_grant_type", 400, R"j({"reason":"?","error":"unsupported_grant_type"})j",
         Reason::request_rejected},
        {"400 invalid_request with missing parameter", 400,
         R"j({"reason":"Missing parameter: refresh_token","error":"invalid_request"})j",
         Reason::request_rejected},
        {"400 unauthorized_client", 400, R"j({"reason":"?","error":"unauthorized_client"})j",
         Reason::client_rejected},
        {"429", 429, R"j({"reason":"Too many","error":"rate"})j", Reason::rate_limited},
        {"429 HTML", 429, "<html>", Reason::rate_limited},
        {"5xx", 500, R"j({"reason":"?","error":"server_error"})j", Reason::provider_unavailable,
         false, true},
        {"5xx HTML", 503, "<html>", Reason::provider_unavailable, false, true},
        {"4735 as code", 400, R"j({"code":4735,"message":"owner"})j", Reason::account_gone},
        {"4741 as code", 400, R"j({"code":4741,"message":"revoked"})j", Reason::grant_revoked},
        {"200 with an error body", 200, R"j({"reason":"Invalid Token!","error":"invalid_grant"})j",
         Reason::grant_revoked},
        {"200 with HTML: the token may have been rotated", 200, "<html>", Reason::answer_unreadable,
         false, true},
        {"200 without a token: likewise", 200, R"j({"token_type":"bearer"})j",
         Reason::answer_unreadable, false, true},
        {"redirect", 307, "", Reason::answer_unreadable},
    };
    for (const Case& row : rows) {
        SCOPED_TRACE(row.name);
        const Failure failure = token_failure(test::response(row.status, row.body));
        EXPECT_EQ(code(failure.reason), code(row.reason));
        EXPECT_EQ(failure.outcome_unknown, row.outcome_unknown);
        EXPECT_FALSE(failure.refresh_may_help);
    }
}

TEST(ZoomAnswers, HostileBodiesNeverThrowAndAlwaysHaveAReason)
{
    for (const std::string& body : test::hostile_bodies()) {
        SCOPED_TRACE(body.substr(0, 60));
        for (const int status : {100, 200, 204, 302, 400, 401, 403, 404, 409, 429, 500, 999}) {
            const auto answer = test::response(status, body);
            EXPECT_TRUE(test::storable(api_failure(answer, Stage::create).detail)) << status;
            EXPECT_TRUE(test::storable(token_failure(answer).detail)) << status;
        }
        EXPECT_FALSE(read_meeting(body).has_value());
        EXPECT_FALSE(read_page(body).has_value());
    }
}

TEST(ZoomAnswers, MeetingIdsAreLongerThan32Bits)
{
    const auto meeting = read_meeting(
        R"j({"id":98765432109,"join_url":"https://zoom.us/j/1","start_url":"secret"})j");
    ASSERT_TRUE(meeting);
    EXPECT_EQ(meeting->id, "98765432109");
    EXPECT_FALSE(read_meeting(R"j({"id":0})j"));
    EXPECT_FALSE(read_meeting(R"j({"id":-5})j"));
}

}  // namespace
}  // namespace meetlink::provider::zoom
