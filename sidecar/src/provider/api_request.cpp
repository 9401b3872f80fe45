#include "provider/api_request.hpp"

#include <utility>

namespace meetlink::provider {

http::Request api_request(const Secret& access_token, std::string method, std::string url)
{
    http::Request request;
    request.method = std::move(method);
    request.url = std::move(url);
    request.headers = {"Authorization: Bearer " + std::string(access_token.reveal()),
                       "Accept: application/json"};
    return request;
}

http::Request api_request(const Secret& access_token, std::string method, std::string url,
                          std::string json)
{
    http::Request request = api_request(access_token, std::move(method), std::move(url));
    request.headers.emplace_back("Content-Type: application/json");
    request.body = std::move(json);
    return request;
}

}  // namespace meetlink::provider
