// The rows of PROVIDERS.md 2.1 (token endpoint, "zoom.token.") and 2.3 (API, "zoom.").

#include <array>

#include "errors.hpp"

// clang-format off
#define TOKEN(error, reason) R"({"reason":")" reason R"(","error":")" error R"("})"
// 2.1 lists these numbers as "may appear as code or in messages"; this shape is our guess.
#define TOKEN_CODE(code, error, reason) R"({"code":)" #code R"(,"reason":")" reason R"(","error":")" error R"("})"
#define API(code, message) R"({"code":)" #code R"(,"message":")" message R"("})"
#define EDGE_PAGE(title)                                                                          \
    "<html>\r\n<head><title>" title "</title></head>\r\n<body>\r\n<center><h1>" title "</h1>"     \
    "</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"

namespace meetlink::standin {

namespace {

constexpr auto per_second = LimitHeaders::zoom_per_second;
constexpr auto daily = LimitHeaders::zoom_daily;

constexpr std::array errors{
    // 2.1: token endpoint
    NamedError{"zoom.token.invalid_grant", 400, TOKEN("invalid_grant", "Invalid Token!")},
    NamedError{"zoom.token.invalid_token_old", 400, TOKEN("invalid_request", "Invalid Token!")},
    NamedError{"zoom.token.invalid_token_old_401", 401, TOKEN("invalid_request", "Invalid Token!")},
    NamedError{"zoom.token.invalid_client", 401, TOKEN("invalid_client", "Invalid client_id or client_secret")},
    NamedError{"zoom.token.invalid_client_400", 400, TOKEN("invalid_client", "Invalid client credentials")},
    NamedError{"zoom.token.unsupported_grant_type", 400, TOKEN("unsupported_grant_type", "Unsupported grant type")},
    NamedError{"zoom.token.missing_parameter", 400, TOKEN("invalid_request", "Missing parameter: refresh_token")},
    NamedError{"zoom.token.query_rejected", 400, TOKEN("invalid_request", "Request parameters must be sent in the request body.")},
    NamedError{"zoom.token.unauthorized_client", 400, TOKEN("unauthorized_client", "Unauthorized client")},
    NamedError{"zoom.token.4700", 400, TOKEN_CODE(4700, "invalid_request", "Token cannot be empty.")},
    NamedError{"zoom.token.4702", 400, TOKEN_CODE(4702, "invalid_client", "Invalid client.")},
    NamedError{"zoom.token.4704", 400, TOKEN_CODE(4704, "invalid_client", "Invalid client secret.")},
    NamedError{"zoom.token.4705", 400, TOKEN_CODE(4705, "unsupported_grant_type", "Grant type is not supported.")},
    NamedError{"zoom.token.4706", 400, TOKEN_CODE(4706, "invalid_request", "Client ID or client secret is missing.")},
    NamedError{"zoom.token.4709", 400, TOKEN_CODE(4709, "invalid_request", "Redirect URI mismatch.")},
    NamedError{"zoom.token.4711", 400, TOKEN_CODE(4711, "invalid_grant", "Refresh token invalid: token scopes do not match the client scopes.")},
    NamedError{"zoom.token.4717", 400, TOKEN_CODE(4717, "unauthorized_client", "The app has been disabled.")},
    NamedError{"zoom.token.4733", 400, TOKEN_CODE(4733, "invalid_grant", "Code is expired.")},
    NamedError{"zoom.token.4734", 400, TOKEN_CODE(4734, "invalid_grant", "Invalid authorization code.")},
    NamedError{"zoom.token.4735", 400, TOKEN_CODE(4735, "invalid_grant", "The owner of the token does not exist.")},
    NamedError{"zoom.token.4737", 400, TOKEN_CODE(4737, "invalid_grant", "The authentication is not found.")},
    NamedError{"zoom.token.4738", 400, TOKEN_CODE(4738, "invalid_grant", "The app has been disabled by the admin.")},
    NamedError{"zoom.token.4740", 400, TOKEN_CODE(4740, "invalid_grant", "The refresh token was used too often.")},
    NamedError{"zoom.token.4741", 400, TOKEN_CODE(4741, "invalid_grant", "The token has been revoked.")},
    NamedError{"zoom.token.rate_limit", 429, API(429, "You have reached the maximum per-second rate limit for this API. Try again later."), json_type, per_second},
    NamedError{"zoom.token.500", 500, TOKEN("server_error", "Internal error")},
    NamedError{"zoom.token.502_html", 502, EDGE_PAGE("502 Bad Gateway"), html_type},
    NamedError{"zoom.token.503", 503, TOKEN("temporarily_unavailable", "Service unavailable")},
    // 2.3: API
    NamedError{"zoom.124", 401, API(124, "Access token is expired.")},
    NamedError{"zoom.124.invalid", 401, API(124, "Invalid access token.")},
    NamedError{"zoom.201", 401, API(201, "Access token is expired.")},
    NamedError{"zoom.4711", 400, API(4711, "Invalid access token, does not contain scopes:[meeting:write:meeting:admin, meeting:write:meeting].")},
    NamedError{"zoom.4711.401", 401, API(4711, "Invalid access token, does not contain scopes:[meeting:write:meeting:admin, meeting:write:meeting].")},
    NamedError{"zoom.4711.403", 403, API(4711, "Invalid access token, does not contain scopes:[meeting:write:meeting:admin, meeting:write:meeting].")},
    NamedError{"zoom.4700", 401, API(4700, "Invalid access token, does not contain scopes.")},
    NamedError{"zoom.4700.400", 400, API(4700, "Invalid access token, does not contain scopes.")},
    NamedError{"zoom.300.json", 400, API(300, "Request Body should be a valid JSON object.")},
    NamedError{"zoom.300.validation", 400, R"({"code":300,"message":"Validation Failed.","errors":[{"field":"duration","message":"Invalid field."}]})"},
    NamedError{"zoom.300.schedule_for", 400, API(300, "The value that you entered in the schedule_for field is invalid. Enter a valid value and try again.")},
    NamedError{"zoom.300.login_domains", 400, API(300, "Invalid enforce_login_domains, separate multiple domains by semicolon.")},
    NamedError{"zoom.300.occurrence", 400, API(300, "Invalid parameter: occurrence_id.")},
    NamedError{"zoom.300.page_token", 400, API(300, "The next page token is invalid or expired.")},
    NamedError{"zoom.3161", 400, API(3161, "Your user account is not allowed meeting hosting and scheduling capabilities.")},
    NamedError{"zoom.3000", 400, API(3000, "You cannot schedule a meeting for me")},
    NamedError{"zoom.3000.webinar", 400, API(3000, "Cannot access webinar info.")},
    NamedError{"zoom.200", 400, API(200, "Only available for paid account: standin.")},
    NamedError{"zoom.3018", 400, API(3018, "Not allowed to delete PMI.")},
    NamedError{"zoom.3037", 400, API(3037, "Not allowed to delete PAC.")},
    NamedError{"zoom.3002", 400, API(3002, "Sorry, you cannot delete this meeting since it is in progress.")},
    NamedError{"zoom.3002.403", 403, API(3002, "Sorry, you cannot delete this meeting since it is in progress.")},
    NamedError{"zoom.3003", 400, API(3003, "You are not the meeting host.")},
    NamedError{"zoom.3003.403", 403, API(3003, "You are not the meeting host.")},
    NamedError{"zoom.3007", 400, API(3007, "Sorry, you cannot delete this meeting since it has ended.")},
    NamedError{"zoom.3007.403", 403, API(3007, "Sorry, you cannot delete this meeting since it has ended.")},
    NamedError{"zoom.1001", 404, API(1001, "User does not exist: me.")},
    NamedError{"zoom.1010", 404, API(1010, "User does not belong to this account: standin.")},
    NamedError{"zoom.1010.400", 400, API(1010, "User does not belong to this account: standin.")},
    NamedError{"zoom.3001", 404, API(3001, "Meeting does not exist: 85746065.")},
    NamedError{"zoom.2306", 403, API(2306, "You are not allowed to view the meetings of other users.")},
    NamedError{"zoom.per_second", 429, API(429, "You have reached the maximum per-second rate limit for this API. Try again later."), json_type, per_second},
    NamedError{"zoom.per_second.4001", 429, API(4001, "You have reached the maximum per-second rate limit for this API. Try again later."), json_type, per_second},
    NamedError{"zoom.daily", 429, API(429, "You have reached the maximum daily rate limit for this API. Refer to the response header for details on when you can make another request."), json_type, daily},
    NamedError{"zoom.user_daily", 429, API(429, "You have exceeded the daily rate limit (100) of Meeting Create/Update API requests permitted for this particular user. You may resume these requests at GMT 00:00:00."), json_type, daily},
    NamedError{"zoom.user_daily.no_header", 429, API(429, "You have exceeded the daily rate limit (100) of Meeting Create/Update API requests permitted for this particular user. You may resume these requests at GMT 00:00:00.")},
    NamedError{"zoom.user_daily.300", 400, API(300, "A maximum of 100 meetings can be created/updated for a single user in one day.")},
    NamedError{"zoom.concurrent", 429, API(429, "Too many concurrent requests. A request to disassociate this user has already been made.")},
    NamedError{"zoom.500", 500, API(500, "Internal server error.")},
    NamedError{"zoom.502_html", 502, EDGE_PAGE("502 Bad Gateway"), html_type},
    NamedError{"zoom.503_html", 503, EDGE_PAGE("503 Service Temporarily Unavailable"), html_type},
    NamedError{"zoom.504_html", 504, EDGE_PAGE("504 Gateway Time-out"), html_type},
};

}  // namespace

// clang-format on

std::span<const NamedError> zoom_errors()
{
    return errors;
}

}  // namespace meetlink::standin
