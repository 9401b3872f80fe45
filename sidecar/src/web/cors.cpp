#include "web/cors.hpp"

#include <algorithm>

namespace meetlink::web {

namespace {

bool listed(const Request& request, const std::vector<std::string>& origins)
{
    return request.count("Origin") == 1 &&
           std::find(origins.begin(), origins.end(), request.header("Origin")) != origins.end();
}

}  // namespace

void allow_origin(const Request& request, const std::vector<std::string>& origins, Answer& answer)
{
    if (origins.empty()) {
        return;
    }
    answer.headers.emplace_back("Vary", "Origin");
    if (listed(request, origins)) {
        answer.headers.emplace_back("Access-Control-Allow-Origin", request.header("Origin"));
        answer.headers.emplace_back("Access-Control-Expose-Headers",
                                    "Retry-After, WWW-Authenticate");
    }
}

std::optional<Answer> answer_preflight(const Request& request,
                                       const std::vector<std::string>& origins)
{
    if (request.message.method() != beast::http::verb::options ||
        request.count("Access-Control-Request-Method") != 1 || !listed(request, origins)) {
        return std::nullopt;
    }
    Answer answer{.status = 204};
    answer.headers = {
        {"Access-Control-Allow-Methods", "GET, HEAD, POST"},
        {"Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID"},
        {"Access-Control-Max-Age", "600"}};
    return answer;
}

}  // namespace meetlink::web
