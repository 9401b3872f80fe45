#include "web/site.hpp"

#include <array>
#include <utility>

#include "base/descriptor_limit.hpp"
#include "base/json.hpp"
#include "log/log.hpp"
#include "web/answers.hpp"
#include "web/console_api.hpp"
#include "web/cors.hpp"
#include "web/event_api.hpp"
#include "web/missing_meetings.hpp"
#include "web/pages.hpp"
#include "web/retry_request.hpp"
#include "web/session_api.hpp"

namespace meetlink::web {

namespace asio = boost::asio;
using beast::http::verb;

/// Of one path, or of every id below one that ends in a slash; GET serves HEAD, too.
struct Site::Route {
    using Own = Served (Site::*)(const Request&);
    using Api = Served (*)(Gateway&, Caller, const Request&);  ///< for callers who are known
    std::string_view path;
    verb method;
    std::variant<Own, Api> serve;
};

namespace {

/// Open files beside event streams: other clients, providers, the database.
constexpr std::size_t other_descriptors = 1024;

Answer wrong_method(const std::string& allowed)
{
    auto refusal = problem(405, "Method not allowed", "See the header Allow.");
    refusal.headers.emplace_back("Allow", allowed);
    return refusal;
}

}  // namespace

std::variant<std::optional<TokenVerifier>, std::string> make_verifier(const config::Http& http)
{
    if (http.jwt_secret.empty() && http.jwt_public_key_file.empty()) {
        return std::optional<TokenVerifier>{};
    }
    auto made = TokenVerifier::make(http);
    if (auto* wrong = std::get_if<std::string>(&made)) {
        return std::move(*wrong);
    }
    return std::optional{std::get<TokenVerifier>(std::move(made))};
}

Site::Site(asio::any_io_executor executor, const config::Http& http, postgres::Conninfo conninfo,
           Callbacks callbacks)
    : config_(http),
      callbacks_(std::move(callbacks)),
      gateway_(executor, std::move(conninfo)),
      hub_(executor, callbacks_.ask, static_cast<std::size_t>(http.max_streams)),
      server_(executor, [this](const Request& request) { return serve(request); }, {}),
      stopping_(executor)
{
}

std::optional<std::string> Site::open()
{
    auto verifier = make_verifier(config_);
    if (const auto* wrong = std::get_if<std::string>(&verifier)) {
        return *wrong;
    }
    callers_.emplace(std::get<0>(std::move(verifier)));
    const auto wanted = static_cast<std::size_t>(config_.max_streams) + other_descriptors;
    if (const auto limit = allow_descriptors(wanted); limit < wanted) {
        log::warning("few_descriptors", "there may be fewer event streams than http.max_streams",
                     {{"open_files", limit}, {"wanted", wanted}});
    }
    const auto address = config::parse_listen(config_.listen);
    if (!address) {
        return "http.listen is \"" + config_.listen + "\", which is no address and port";
    }
    if (const auto wrong = server_.listen(*address)) {
        return "could not listen on \"" + config_.listen + "\" (http.listen): " + *wrong;
    }
    log::info("http_listening", "serving HTTP", {{"address", server_.address()}});
    return std::nullopt;
}

void Site::close()
{
    server_.close();
    hub_.close();
    stopping_.notify_all();
}

asio::awaitable<void> Site::closed_by(Condition::Clock::time_point deadline)
{
    close();
    const bool ended = co_await server_.joined_until(deadline);
    co_await hub_.joined_until(deadline);
    gateway_.stop();
    if (!ended) {
        server_.abort();
        co_await server_.joined_until(deadline + std::chrono::seconds{1});
    }
}

Site::Served Site::serve(const Request& request)
{
    const auto& origins = config_.embed_origins;
    auto preflight = answer_preflight(request, origins);
    auto answer = preflight ? std::move(*preflight) : Answer{};
    if (!preflight) {
        answer = co_await dispatch(request);
    }
    allow_origin(request, origins, answer);
    co_return answer;
}

Site::Served Site::dispatch(const Request& request)
{
    static const std::array<Route, 15> routes{{
        {"/api/sessions/retry-meeting-link", verb::post, &Site::retry_meeting_link},
        {"/api/sessions/create-missing-meetings", verb::post, &Site::create_missing},
        {"/api/me", verb::get, &me},
        {"/api/sessions", verb::get, &sessions},
        {"/api/sessions/", verb::get, &session},
        {"/api/console/overview", verb::get, &console_overview},
        {"/api/console/stuck", verb::get, &console_stuck},
        {"/api/console/sessions/", verb::get, &console_session},
        {"/api/console/connections", verb::get, &console_connections},
        {"/api/console/charts", verb::get, &console_charts},
        {"/api/console/retry", verb::post, &console_retry},
        {"/api/events", verb::get, &Site::events},
        {"/healthz", verb::get, &Site::healthz},
        {"/readyz", verb::get, &Site::readyz},
        {"/metrics", verb::get, &Site::metrics},
    }};
    const auto path = request.path();
    for (const auto& route : routes) {
        const bool below = route.path.ends_with('/') && path.starts_with(route.path) &&
                           path.size() > route.path.size();
        if (route.path != path && !below) {
            continue;
        }
        const auto method = request.message.method();
        if (method != route.method && !(method == verb::head && route.method == verb::get)) {
            co_return wrong_method(route.method == verb::get ? "GET, HEAD" : "POST");
        }
        if (const auto* own = std::get_if<Route::Own>(&route.serve)) {
            co_return co_await (this->**own)(request);
        }
        const auto api = std::get<Route::Api>(route.serve);
        auto identified = callers_->identify(request, std::chrono::system_clock::now());
        if (const auto* refusal = std::get_if<Answer>(&identified)) {
            co_return *refusal;
        }
        auto caller = std::get<Caller>(std::move(identified));
        co_return co_await api(gateway_, std::move(caller), request);
    }
    const auto method = request.message.method();
    auto page = find_page(path, request.header("If-None-Match"), config_.embed_origins);
    if (page && method != verb::get && method != verb::head) {
        co_return wrong_method("GET, HEAD");
    }
    if (page) {
        co_return *std::move(page);
    }
    co_return problem(404, "Not found", "There is nothing at this path.");
}

Site::Served Site::retry_meeting_link(const Request& request)
{
    auto identified = callers_->identify(request, std::chrono::system_clock::now());
    if (const auto* refusal = std::get_if<Answer>(&identified)) {
        co_return *refusal;
    }
    if (const auto refusal = wrong_content_type(request)) {
        co_return *refusal;
    }
    auto parsed = parse_retry_request(request.message.body());
    if (const auto* refusal = std::get_if<Answer>(&parsed)) {
        co_return *refusal;
    }
    auto caller = std::get<Caller>(std::move(identified));
    auto session_id = std::get<SessionId>(std::move(parsed)).text;
    co_return co_await gateway_.retry(std::move(caller), std::move(session_id));
}

Site::Served Site::create_missing(const Request& request)
{
    auto identified = callers_->identify(request, std::chrono::system_clock::now());
    if (const auto* refusal = std::get_if<Answer>(&identified)) {
        co_return *refusal;
    }
    if (const auto refusal = wrong_content_type(request)) {
        co_return *refusal;
    }
    auto caller = std::get<Caller>(std::move(identified));
    co_return co_await create_missing_meetings(gateway_, std::move(caller), stopping_);
}

Site::Served Site::events(const Request& request)
{
    auto identified = callers_->identify(request, std::chrono::system_clock::now());
    if (const auto* refusal = std::get_if<Answer>(&identified)) {
        co_return *refusal;
    }
    auto caller = std::get<Caller>(std::move(identified));
    co_return co_await open_events(gateway_, hub_, std::move(caller), request);
}

Site::Served Site::healthz(const Request& /*request*/)
{
    co_return Answer{.body = R"({"status":"ok"})"};
}

Site::Served Site::readyz(const Request& /*request*/)
{
    const auto readiness = co_await callbacks_.readiness();
    const bool ready = readiness.database && readiness.listening;
    Json::Value body{Json::objectValue};
    body["status"] = ready ? "ready" : "not ready";
    body["database"] = readiness.database;
    body["listening"] = readiness.listening;
    if (!readiness.problem.empty()) {
        body["problem"] = readiness.problem;
    }
    Answer answer{.status = ready ? 200 : 503, .body = write_json(body)};
    co_return answer;
}

Site::Served Site::metrics(const Request& /*request*/)
{
    Answer answer{.content_type = "text/plain; version=0.0.4; charset=utf-8"};
    answer.body = co_await callbacks_.metrics();
    co_return answer;
}

}  // namespace meetlink::web
