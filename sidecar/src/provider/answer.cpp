#include "provider/answer.hpp"

#include <algorithm>
#include <chrono>

#include "http/retry_after.hpp"
#include "provider/detail.hpp"

namespace meetlink::provider {

bool succeeded(const http::Response& response)
{
    return response.fault == http::Fault::none && response.status >= 200 && response.status < 300;
}

bool may_have_acted(const http::Response& response)
{
    if (response.fault != http::Fault::none) {
        return response.fault != http::Fault::not_sent;
    }
    return succeeded(response) || response.status >= 500 || response.status == 408;
}

std::optional<Reason> reason_without_body(const http::Response& response)
{
    switch (response.fault) {
        case http::Fault::not_sent:
        case http::Fault::broken:
            return Reason::network_error;
        case http::Fault::timed_out:
            return Reason::provider_timeout;
        case http::Fault::too_large:
            return Reason::answer_unreadable;
        case http::Fault::none:
            break;
    }
    if (response.status >= 500) {
        return Reason::provider_unavailable;
    }
    if (response.status == 408) {
        return Reason::provider_timeout;
    }
    if (response.status < 200 || (response.status >= 300 && response.status < 400)) {
        return Reason::answer_unreadable;
    }
    return std::nullopt;
}

Failure failure_of(const http::Response& response, Stage stage, Reason reason,
                   std::string_view code, std::string_view words)
{
    Failure failure;
    failure.reason = reason;
    failure.stage = stage;
    failure.detail = detail_of(response, code, words);
    failure.http_status = response.status;
    failure.provider_code = clean_code(code);
    failure.retry_after = http::retry_after(
        response, std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
    failure.outcome_unknown =
        (stage == Stage::token || stage == Stage::create) && may_have_acted(response);
    return failure;
}

Failure unusable(const http::Response& response, Stage stage, Reason reason, std::string_view why)
{
    return failure_of(response, stage, reason, {}, why);
}

std::optional<Failure> token_problem(const Secret& token, Stage stage)
{
    const std::string_view text = token.reveal();
    const bool visible =
        std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
    Failure failure;
    if (visible && text.size() > longest_header_token) {
        failure.reason = Reason::answer_unreadable;
        failure.stage = stage;
        failure.detail = "the access token has " + std::to_string(text.size()) +
                         " characters, which no HTTP header can carry";
        failure.refresh_may_help = true;
        return failure;
    }
    if (visible && !text.empty()) {
        return std::nullopt;
    }
    failure.reason = text.empty() ? Reason::token_missing : Reason::token_malformed;
    failure.stage = stage;
    failure.detail = text.empty()
                         ? "the access token is empty"
                         : "the access token contains characters that no token may contain";
    return failure;
}

}  // namespace meetlink::provider
