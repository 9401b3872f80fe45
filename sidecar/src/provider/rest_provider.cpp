#include "provider/rest_provider.hpp"

#include <utility>

#include "provider/answer.hpp"
#include "provider/schedule_check.hpp"

namespace meetlink::provider {

namespace asio = boost::asio;

RestProvider::RestProvider(config::Provider settings, http::Sender& sender,
                           std::chrono::milliseconds http_timeout)
    : settings_(std::move(settings)), sender_(sender), http_timeout_(http_timeout)
{
}

bool RestProvider::configured() const
{
    return !settings_.client_id.empty() && !settings_.client_secret.empty();
}

asio::awaitable<CreateOutcome> RestProvider::create(MeetingRequest&& request,
                                                    const Secret& access_token)
{
    auto problem = token_problem(access_token, Stage::create);
    if (!problem) {
        problem = schedule_problem(request);
    }
    if (problem) {
        co_return CreateOutcome{std::move(*problem), request.generation, {}, 0};
    }
    Run run{request, access_token, {}};
    Result<Meeting> result = co_await make(run);
    co_return CreateOutcome{std::move(result), request.generation, run.timings, run.writes};
}

asio::awaitable<Result<std::vector<Meeting>>> RestProvider::search(MeetingRequest request,
                                                                   const Secret& access_token)
{
    if (auto problem = token_problem(access_token, Stage::find)) {
        co_return std::move(*problem);
    }
    Run run{request, access_token, {}};
    co_return co_await find_all(run);
}

asio::awaitable<Result<std::monostate>> RestProvider::reschedule(MeetingRequest request,
                                                                 std::string external_id,
                                                                 const Secret& access_token)
{
    auto problem = token_problem(access_token, Stage::settle);
    if (!problem) {
        problem = schedule_problem(request);
    }
    if (problem) {
        co_return std::move(*problem);
    }
    co_return co_await move(std::move(request), std::move(external_id), access_token);
}

asio::awaitable<http::Response> RestProvider::send(http::Request request)
{
    request.timeout = http_timeout_;
    return sender_.send(std::move(request));
}

asio::awaitable<http::Response> RestProvider::send(http::Request&& request, Run& run)
{
    run.writes += request.method == "GET" ? 0 : 1;
    http::Response response = co_await send(std::move(request));
    run.timings = response.timings;
    co_return response;
}

}  // namespace meetlink::provider
