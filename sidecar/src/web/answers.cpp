#include "web/answers.hpp"

#include "base/json.hpp"

namespace meetlink::web {

namespace {

/// The keys of meetlink.refusal (sql/62_answer.sql).
Answer refusal(int http_status, std::string_view status, std::string_view error,
               std::string_view details)
{
    Json::Value body{Json::objectValue};
    body["success"] = false;
    body["status"] = std::string{status};
    body["session_id"] = Json::nullValue;
    body["join_url"] = Json::nullValue;
    body["message"] = std::string{error};
    body["error"] = std::string{error};
    body["details"] = std::string{details};
    body["action"] = "none";
    body["reason"] = std::string{status};
    body["retry_at"] = Json::nullValue;
    body["attempts"] = 0;
    return {.status = http_status, .body = write_json(body)};
}

}  // namespace

Answer invalid(std::string_view details)
{
    return refusal(400, "invalid", "Session ID is required", details);
}

Answer forbidden(std::string_view error, std::string_view details)
{
    return refusal(403, "forbidden", error, details);
}

Answer unauthenticated(std::string_view details)
{
    auto answer = refusal(401, "forbidden", "Authentication required", details);
    answer.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"meetlink\"");
    return answer;
}

Answer problem(int status, std::string_view error, std::string_view details,
               std::string_view action)
{
    Json::Value body{Json::objectValue};
    body["success"] = false;
    body["message"] = std::string{error};
    body["error"] = std::string{error};
    body["details"] = std::string{details};
    body["action"] = std::string{action};
    return {.status = status, .body = write_json(body)};
}

Answer unavailable(std::string_view details, std::chrono::seconds retry_after)
{
    auto answer = problem(503, "Service unavailable", details, "retry");
    answer.headers.emplace_back("Retry-After", std::to_string(retry_after.count()));
    return answer;
}

}  // namespace meetlink::web
