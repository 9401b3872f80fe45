// Zoom's token and revocation endpoints (PROVIDERS.md 2.1).

#include "errors.hpp"
#include "json.hpp"
#include "zoom.hpp"

namespace meetlink::standin {

Answer Zoom::token(const Request& request)
{
    if (request.method != "POST") return zoom_error(405, 405, "Request method is not supported.");
    // Since 2023 nothing that belongs in the body may come in the query.
    const Parameters query{request.query};
    if (query.find("refresh_token") || query.find("grant_type") || query.find("client_secret")) {
        return error("zoom.token.query_rejected");
    }
    const auto credentials = basic_credentials(request.authorization);
    if (!credentials) return error("zoom.token.invalid_client");
    const auto& [client_id, client_secret] = *credentials;
    const auto* client = standin_.store.find_client(ProviderKind::zoom, client_id);
    if (client == nullptr || client->secret != client_secret) {
        return error("zoom.token.invalid_client");
    }
    if (client->deleted) return error("zoom.token.4717");

    const Parameters form{request.body};
    const auto grant_type = form.get("grant_type");
    if (grant_type == "authorization_code") return error("zoom.token.4734");
    if (grant_type != "refresh_token") return error("zoom.token.unsupported_grant_type");
    const auto refresh_token = form.get("refresh_token");
    if (refresh_token.empty()) return error("zoom.token.missing_parameter");

    const auto [state, account] =
        standin_.store.check_refresh(ProviderKind::zoom, refresh_token, now_);
    if (state != TokenState::valid || account->options.client_id != client_id) {
        return error("zoom.token.invalid_grant");
    }
    standin_.store.rotate_refresh(*account, refresh_token, now_);
    standin_.store.issue_access(*account, now_);
    Json::Value body;
    body["access_token"] = account->access_token;
    body["token_type"] = "bearer";
    body["refresh_token"] = account->refresh_token;
    body["expires_in"] = Json::Int64{account->options.expires_in.count()};
    body["scope"] = account->options.scope;
    body["api_url"] = "https://api.zoom.us";
    return {200, to_text(body), json_type, {}};
}

Answer Zoom::revoke(const Request& request)
{
    const Parameters form{request.body};
    const auto check = standin_.store.check_access(ProviderKind::zoom, form.get("token"), now_);
    if (check.state != TokenState::valid) return error("zoom.token.invalid_grant");
    standin_.store.revoke(*check.account);
    return {200, R"({"status":"success"})", json_type, {}};
}

}  // namespace meetlink::standin
