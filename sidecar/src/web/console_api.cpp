#include "web/console_api.hpp"

#include <algorithm>
#include <array>

#include "base/json.hpp"
#include "base/text.hpp"
#include "web/answers.hpp"
#include "web/query.hpp"
#include "web/retry_request.hpp"

namespace meetlink::web {

namespace asio = boost::asio;
using postgres::Parameter;
using postgres::Statement;

namespace {

constexpr int usual_page = 100;
constexpr int longest_page = 500;

/// A retry of more would hold its rows for long; the page repeats it.
constexpr int most_retried = 1000;

constexpr Statement overview_statement{"console_overview",
                                       "select meetlink.console_overview()::text as body"};
constexpr Statement stuck_statement{"console_stuck",
                                    "select meetlink.console_stuck($1, $2, $3)::text as body"};
constexpr Statement connections_statement{
    "console_connections", "select meetlink.console_connections($1, $2)::text as body"};
constexpr Statement charts_statement{"console_charts",
                                     "select meetlink.console_charts($1)::text as body"};
constexpr Statement retry_statement{"console_retry",
                                    "select jsonb_build_object('changed', count(*))::text as body "
                                    "from meetlink.retry_stuck($1, $2, $3, $4)"};

Answer bad_limit()
{
    return bad_parameter("The parameter limit is a whole number from 1 to 500.");
}

/// What POST /api/console/retry may narrow a retry by.
std::variant<std::vector<Parameter>, Answer> parse_retry(std::string_view text)
{
    static constexpr std::array<std::string_view, 3> names{"reason", "owner", "provider"};
    const auto body = parse_strictly(text);
    if (!body || !body->isObject()) {
        return bad_parameter("The body must be a JSON object.");
    }
    std::vector<Parameter> parameters;
    for (const auto name : names) {
        const auto& value = (*body)[std::string{name}];
        const auto given = value.isString() ? value.asString() : std::string{};
        if (!value.isNull() && (given.empty() || one_line(given) != given)) {
            return bad_parameter("The body's " + std::string{name} + " must be a string.");
        }
        parameters.push_back(value.isNull() ? Parameter{} : Parameter{given});
    }
    const auto& limit = (*body)["limit"];
    const bool counts = limit.isInt() && limit.asInt() >= 1 && limit.asInt() <= most_retried;
    if (!limit.isNull() && !counts) {
        return bad_parameter("The body's limit must be a whole number from 1 to 1000.");
    }
    parameters.emplace_back(std::to_string(counts ? limit.asInt() : most_retried));
    for (const auto& name : body->getMemberNames()) {
        if (name != "limit" && std::find(names.begin(), names.end(), name) == names.end()) {
            return bad_parameter("The body has a key that is not known here.");
        }
    }
    return parameters;
}

}  // namespace

asio::awaitable<Answer> console_overview(Gateway& gateway, Caller caller,
                                         const Request& /*request*/)
{
    std::vector<Parameter> none;
    co_return co_await gateway.for_operator(std::move(caller), overview_statement, std::move(none));
}

asio::awaitable<Answer> console_stuck(Gateway& gateway, Caller caller, const Request& request)
{
    const std::string target{request.message.target()};
    const auto parsed = Query::parse(target, {"reason", "limit", "after"});
    if (const auto* refusal = std::get_if<Answer>(&parsed)) {
        co_return *refusal;
    }
    const auto& query = std::get<Query>(parsed);
    const auto limit = query.count("limit", usual_page, longest_page);
    if (!limit) {
        co_return bad_limit();
    }
    std::vector<Parameter> parameters{query.text("reason"), std::to_string(*limit),
                                      query.text("after")};
    co_return co_await gateway.for_operator(std::move(caller), stuck_statement,
                                            std::move(parameters));
}

asio::awaitable<Answer> console_session(Gateway& gateway, Caller caller, const Request& request)
{
    const auto path = request.path();
    auto id = segment_after(path, "/api/console/sessions/");
    std::optional<std::string> body;
    if (id) {
        auto found = co_await gateway.timeline(std::move(caller), *std::move(id));
        if (const auto* refusal = std::get_if<Answer>(&found)) {
            co_return *refusal;
        }
        body = std::get<std::optional<std::string>>(std::move(found));
    }
    if (!body) {
        co_return problem(404, "Session not found", "There is no such session.");
    }
    Answer answer{.body = *std::move(body)};
    co_return answer;
}

asio::awaitable<Answer> console_connections(Gateway& gateway, Caller caller, const Request& request)
{
    const std::string target{request.message.target()};
    const auto parsed = Query::parse(target, {"limit", "after"});
    if (const auto* refusal = std::get_if<Answer>(&parsed)) {
        co_return *refusal;
    }
    const auto& query = std::get<Query>(parsed);
    const auto limit = query.count("limit", usual_page, longest_page);
    if (!limit) {
        co_return bad_limit();
    }
    std::vector<Parameter> parameters{std::to_string(*limit), query.text("after")};
    co_return co_await gateway.for_operator(std::move(caller), connections_statement,
                                            std::move(parameters));
}

asio::awaitable<Answer> console_charts(Gateway& gateway, Caller caller, const Request& request)
{
    const std::string target{request.message.target()};
    const auto parsed = Query::parse(target, {"span"});
    if (const auto* refusal = std::get_if<Answer>(&parsed)) {
        co_return *refusal;
    }
    std::vector<Parameter> parameters{std::get<Query>(parsed).text("span").value_or("hour")};
    co_return co_await gateway.for_operator(std::move(caller), charts_statement,
                                            std::move(parameters));
}

asio::awaitable<Answer> console_retry(Gateway& gateway, Caller caller, const Request& request)
{
    if (const auto refusal = wrong_content_type(request)) {
        co_return *refusal;
    }
    auto parsed = parse_retry(request.message.body());
    if (const auto* refusal = std::get_if<Answer>(&parsed)) {
        co_return *refusal;
    }
    auto parameters = std::get<std::vector<Parameter>>(std::move(parsed));
    co_return co_await gateway.for_operator(std::move(caller), retry_statement,
                                            std::move(parameters));
}

}  // namespace meetlink::web
