// The rows of PROVIDERS.md 1.1 (token endpoint, "google.token.") and 1.8 (Calendar API, "google.").

#include <array>

#include "errors.hpp"

// clang-format off
#define TOKEN(error, description) R"({"error":")" error R"(","error_description":")" description R"("})"
#define CALENDAR(code, domain, reason, message)                                                   \
    R"({"error":{"errors":[{"domain":")" domain R"(","reason":")" reason R"(","message":")" message \
    R"("}],"code":)" #code R"(,"message":")" message R"("}})"
#define EDGE_PAGE(title)                                                                          \
    "<!DOCTYPE html>\n<html lang=en>\n<title>Error " title "</title>\n<p>The server encountered a " \
    "temporary error and could not complete your request.</p></html>\n"

namespace meetlink::standin {

namespace {

constexpr std::array errors{
    // 1.1: token endpoint
    NamedError{"google.token.expired_or_revoked", 400, TOKEN("invalid_grant", "Token has been expired or revoked.")},
    NamedError{"google.token.bad_request", 400, TOKEN("invalid_grant", "Bad Request")},
    NamedError{"google.token.invalid_rapt", 400,
               R"json({"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)","error_uri":"https://support.google.com/a/answer/9368756","error_subtype":"invalid_rapt"})json"},
    NamedError{"google.token.malformed_code", 400, TOKEN("invalid_grant", "Malformed auth code.")},
    NamedError{"google.token.invalid_code_verifier", 400, TOKEN("invalid_grant", "Invalid code verifier.")},
    NamedError{"google.token.missing_code_verifier", 400, TOKEN("invalid_grant", "Missing code verifier.")},
    NamedError{"google.token.redirect_uri_mismatch", 400, TOKEN("redirect_uri_mismatch", "Bad Request")},
    NamedError{"google.token.no_client_id", 400, TOKEN("invalid_request", "Could not determine client ID from request.")},
    NamedError{"google.token.no_client_secret", 400, TOKEN("invalid_request", "client_secret is missing.")},
    NamedError{"google.token.no_code", 400, TOKEN("invalid_request", "Missing required parameter: code")},
    NamedError{"google.token.no_refresh_token", 400, TOKEN("invalid_request", "Missing required parameter: refresh_token")},
    NamedError{"google.token.no_redirect_uri", 400, TOKEN("invalid_request", "Missing parameter: redirect_uri")},
    NamedError{"google.token.unsupported_grant_type", 400, TOKEN("unsupported_grant_type", "Invalid grant_type: foo")},
    NamedError{"google.token.client_not_found", 401, TOKEN("invalid_client", "The OAuth client was not found.")},
    NamedError{"google.token.invalid_client", 401, TOKEN("invalid_client", "Unauthorized")},
    NamedError{"google.token.deleted_client", 401, TOKEN("deleted_client", "The OAuth client was deleted.")},
    NamedError{"google.token.unauthorized_client", 401, TOKEN("unauthorized_client", "Unauthorized")},
    NamedError{"google.token.unauthorized_client_400", 400, TOKEN("unauthorized_client", "Unauthorized")},
    NamedError{"google.token.admin_policy_enforced", 400, TOKEN("admin_policy_enforced", "The administrator has restricted access to this service.")},
    NamedError{"google.token.access_denied", 403, TOKEN("access_denied", "Account restricted")},
    NamedError{"google.token.org_internal", 403, TOKEN("org_internal", "This client is restricted to users within its organization.")},
    NamedError{"google.token.rate_limit_exceeded", 429, TOKEN("rate_limit_exceeded", "Rate Limit Exceeded")},
    NamedError{"google.token.internal_failure", 500, TOKEN("internal_failure", "Internal failure")},
    NamedError{"google.token.server_error", 500, TOKEN("server_error", "Server error")},
    NamedError{"google.token.temporarily_unavailable", 503, TOKEN("temporarily_unavailable", "Try again later")},
    NamedError{"google.token.502_html", 502, EDGE_PAGE("502 (Server Error)!!1"), html_type},
    NamedError{"google.token.method_not_allowed", 405, TOKEN("invalid_request", "Only POST requests are allowed.")},
    // 1.8: Calendar API
    NamedError{"google.timeRangeEmpty", 400, CALENDAR(400, "calendar", "timeRangeEmpty", "The specified time range is empty.")},
    NamedError{"google.invalid", 400, CALENDAR(400, "global", "invalid", "Invalid Value")},
    NamedError{"google.invalidId", 400, CALENDAR(400, "global", "invalid", "Invalid resource id value.")},
    NamedError{"google.required", 400, CALENDAR(400, "global", "required", "Missing end time.")},
    NamedError{"google.parseError", 400, CALENDAR(400, "global", "parseError", "Parse Error")},
    NamedError{"google.badRequest", 400, CALENDAR(400, "global", "badRequest", "Bad Request")},
    NamedError{"google.invalidConferenceType", 400, CALENDAR(400, "global", "invalid", "Invalid conference type value.")},
    NamedError{"google.authError", 401,
               R"({"error":{"code":401,"message":"Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.","errors":[{"message":"Invalid Credentials","domain":"global","reason":"authError","location":"Authorization","locationType":"header"}],"status":"UNAUTHENTICATED"}})"},
    NamedError{"google.loginRequired", 401,
               R"({"error":{"code":401,"message":"Login Required.","errors":[{"message":"Login Required.","domain":"global","reason":"required","location":"Authorization","locationType":"header"}],"status":"UNAUTHENTICATED"}})"},
    NamedError{"google.unauthenticatedDetailsOnly", 401,
               R"({"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_EXPIRED","domain":"googleapis.com","metadata":{"service":"calendar-json.googleapis.com"}}]}})"},
    // The application refreshes on 403 authError too (APP.md).
    NamedError{"google.authError.403", 403, CALENDAR(403, "global", "authError", "Invalid Credentials")},
    NamedError{"google.rateLimitExceeded", 403, CALENDAR(403, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded")},
    NamedError{"google.rateLimitExceeded.429", 429, CALENDAR(429, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded")},
    NamedError{"google.userRateLimitExceeded", 403, CALENDAR(403, "usageLimits", "userRateLimitExceeded", "User Rate Limit Exceeded")},
    NamedError{"google.quotaExceeded", 403, CALENDAR(403, "usageLimits", "quotaExceeded", "Calendar usage limits exceeded.")},
    NamedError{"google.calendarUsageLimitsExceeded", 403, CALENDAR(403, "usageLimits", "calendarUsageLimitsExceeded", "Calendar usage limits exceeded.")},
    NamedError{"google.dailyLimitExceeded", 403, CALENDAR(403, "usageLimits", "dailyLimitExceeded", "Daily Limit Exceeded")},
    NamedError{"google.accessNotConfigured", 403,
               R"({"error":{"code":403,"message":"Google Calendar API has not been used in project 1 before or it is disabled.","errors":[{"message":"Google Calendar API has not been used in project 1 before or it is disabled.","domain":"usageLimits","reason":"accessNotConfigured"}],"status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_DISABLED","domain":"googleapis.com","metadata":{"service":"calendar-json.googleapis.com"}}]}})"},
    NamedError{"google.insufficientPermissions", 403,
               R"({"error":{"code":403,"message":"Request had insufficient authentication scopes.","errors":[{"message":"Insufficient Permission","domain":"global","reason":"insufficientPermissions"}],"status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT","domain":"googleapis.com","metadata":{"service":"calendar-json.googleapis.com","method":"calendar.v3.Events.Insert"}}]}})"},
    NamedError{"google.insufficientPermissions.detailsOnly", 403,
               R"({"error":{"code":403,"message":"Request had insufficient authentication scopes.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT","domain":"googleapis.com","metadata":{"service":"calendar-json.googleapis.com","method":"calendar.v3.Events.Insert"}}]}})"},
    NamedError{"google.forbidden", 403, CALENDAR(403, "global", "forbidden", "Forbidden")},
    NamedError{"google.requiredAccessLevel", 403, CALENDAR(403, "calendar", "requiredAccessLevel", "You need to have writer access to this calendar.")},
    NamedError{"google.forbiddenForNonOrganizer", 403, CALENDAR(403, "calendar", "forbiddenForNonOrganizer", "Shared properties can only be changed by the organizer of the event.")},
    NamedError{"google.notFound", 404, CALENDAR(404, "global", "notFound", "Not Found")},
    NamedError{"google.duplicate", 409, CALENDAR(409, "global", "duplicate", "The requested identifier already exists.")},
    NamedError{"google.conflict", 409, CALENDAR(409, "global", "conflict", "Conflict")},
    NamedError{"google.deleted", 410, CALENDAR(410, "global", "deleted", "Resource has been deleted")},
    NamedError{"google.fullSyncRequired", 410, CALENDAR(410, "calendar", "fullSyncRequired", "Sync token is no longer valid, a full sync is required.")},
    NamedError{"google.updatedMinTooLongAgo", 410, CALENDAR(410, "calendar", "updatedMinTooLongAgo", "The requested minimum modification time lies too far in the past.")},
    NamedError{"google.conditionNotMet", 412, CALENDAR(412, "global", "conditionNotMet", "Precondition Failed")},
    NamedError{"google.backendError", 500, CALENDAR(500, "global", "backendError", "Backend Error")},
    NamedError{"google.internalError", 500, CALENDAR(500, "global", "internalError", "Internal Error")},
    NamedError{"google.backendError.503", 503, CALENDAR(503, "global", "backendError", "Backend Error")},
    NamedError{"google.502_html", 502, EDGE_PAGE("502 (Server Error)!!1"), html_type},
    NamedError{"google.503_html", 503, EDGE_PAGE("503 (Service Unavailable)!!1"), html_type},
    NamedError{"google.504_html", 504, EDGE_PAGE("504 (Gateway Timeout)!!1"), html_type},
};

}  // namespace

// clang-format on

std::span<const NamedError> google_errors()
{
    return errors;
}

}  // namespace meetlink::standin
