// Google's token and revocation endpoints (PROVIDERS.md 1.1).

#include "errors.hpp"
#include "google.hpp"
#include "json.hpp"

namespace meetlink::standin {

Answer Google::token(const Request& request)
{
    if (request.method != "POST") return error("google.token.method_not_allowed");
    const Parameters form{request.body};
    std::string client_id{form.get("client_id")};
    std::string client_secret{form.get("client_secret")};
    if (auto basic = basic_credentials(request.authorization)) {
        std::tie(client_id, client_secret) = std::move(*basic);
    }
    if (client_id.empty()) return error("google.token.no_client_id");
    const auto* client = standin_.store.find_client(ProviderKind::google, client_id);
    if (client == nullptr) return error("google.token.client_not_found");
    if (client->deleted) return error("google.token.deleted_client");
    if (client_secret.empty()) return error("google.token.no_client_secret");
    if (client_secret != client->secret) return error("google.token.invalid_client");

    const auto grant_type = form.get("grant_type");
    if (grant_type == "authorization_code") {
        // Consent happens over the admin operation "grant"; no code is ever given out.
        return form.get("code").empty() ? error("google.token.no_code")
                                        : error("google.token.malformed_code");
    }
    if (grant_type != "refresh_token") return error("google.token.unsupported_grant_type");
    const auto refresh_token = form.get("refresh_token");
    if (refresh_token.empty()) return error("google.token.no_refresh_token");

    const auto [state, account] =
        standin_.store.check_refresh(ProviderKind::google, refresh_token, now_);
    if (state == TokenState::unknown || account->options.client_id != client_id) {
        return error("google.token.bad_request");
    }
    if (state != TokenState::valid) return error("google.token.expired_or_revoked");

    // No refresh_token in the answer: Google does not rotate.
    standin_.store.issue_access(*account, now_);
    Json::Value body;
    body["access_token"] = account->access_token;
    body["expires_in"] = Json::Int64{account->options.expires_in.count()};
    body["scope"] = account->options.scope;
    body["token_type"] = "Bearer";
    if (account->options.refresh_expires_in) {
        body["refresh_token_expires_in"] =
            Json::Int64{account->options.refresh_expires_in->count()};
    }
    return {200, to_text(body), json_type, {}};
}

Answer Google::revoke(const Request& request)
{
    const Parameters form{request.body};
    const auto token = form.get("token");
    auto check = standin_.store.check_refresh(ProviderKind::google, token, now_);
    if (check.state == TokenState::unknown) {
        check = standin_.store.check_access(ProviderKind::google, token, now_);
    }
    if (check.state != TokenState::valid) {
        return {400,
                R"({"error":"invalid_token","error_description":"Token expired or revoked"})",
                json_type,
                {}};
    }
    standin_.store.revoke(*check.account);
    return {200, "{}", json_type, {}};
}

}  // namespace meetlink::standin
