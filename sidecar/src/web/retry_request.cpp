#include "web/retry_request.hpp"

#include <json/reader.h>

#include <memory>

#include "base/text.hpp"
#include "web/answers.hpp"

namespace meetlink::web {

namespace {

constexpr int max_depth = 16;

}  // namespace

/// Stricter than base/json: what strangers at a provider may do, callers may not.
std::optional<Json::Value> parse_strictly(std::string_view body)
{
    Json::CharReaderBuilder builder;
    Json::CharReaderBuilder::strictMode(&builder.settings_);
    builder["rejectDupKeys"] = true;
    builder["stackLimit"] = max_depth;
    const std::unique_ptr<Json::CharReader> reader(builder.newCharReader());
    Json::Value value;
    try {
        if (reader->parse(body.data(), body.data() + body.size(), &value, nullptr)) {
            return value;
        }
    } catch (const Json::Exception&) {
        // the depth limit
    }
    return std::nullopt;
}

std::optional<Answer> wrong_content_type(const Request& request)
{
    if (request.count("Content-Type") == 0 && request.message.body().empty()) {
        return std::nullopt;
    }
    const auto header = ascii_lower(request.header("Content-Type"));
    const auto semicolon = header.find(';');
    const auto type = trim(std::string_view{header}.substr(0, semicolon));
    bool fits = request.count("Content-Type") == 1 && type == "application/json" &&
                request.count("Content-Encoding") == 0;
    if (semicolon != std::string::npos) {
        const auto parameter = trim(std::string_view{header}.substr(semicolon + 1));
        fits = fits && (parameter.empty() || parameter == "charset=utf-8" ||
                        parameter == "charset=\"utf-8\"");
    }
    if (fits) {
        return std::nullopt;
    }
    return problem(415, "Unsupported media type",
                   "The body must be sent as application/json, in UTF-8 and not compressed.");
}

std::variant<SessionId, Answer> parse_retry_request(std::string_view body)
{
    const auto parsed = parse_strictly(body);
    if (!parsed || !parsed->isObject()) {
        return invalid("The body must be a JSON object like {\"sessionId\": \"...\"}.");
    }
    const auto& id = (*parsed)["sessionId"];
    if (id.isInt64() || id.isUInt64()) {
        return SessionId{id.asString()};
    }
    if (!id.isString()) {
        return invalid("The body's sessionId must be a string.");
    }
    const auto text = id.asString();
    if (text.empty()) {
        return invalid("The body's sessionId is empty.");
    }
    // one_line also keeps out bytes that no text in the database may have: NUL, broken UTF-8
    if (text.size() > max_session_id || one_line(text) != text) {
        return invalid("The given id cannot be the key of a session.");
    }
    return SessionId{text};
}

}  // namespace meetlink::web
