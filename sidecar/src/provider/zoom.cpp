#include "provider/zoom.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "http/url.hpp"
#include "provider/answer.hpp"
#include "provider/link_check.hpp"
#include "provider/zoom_requests.hpp"

namespace meetlink::provider {
namespace {

namespace asio = boost::asio;
using zoom::ZoomMeeting;

// 12,000 meetings. An owner with more is looked at by a person before a second meeting is made.
constexpr int max_pages = 40;
// A meeting this close to its start may be missing from the list of upcoming ones.
constexpr std::chrono::minutes safely_upcoming{15};

/// A meeting may be there that we do not know of: the next attempt must look before it creates.
Failure unresolved(Failure failure)
{
    failure.outcome_unknown = true;
    return failure;
}

bool bears_tag(const ZoomMeeting& meeting, const std::string& tag)
{
    return meeting.agenda.starts_with(tag);
}

}  // namespace

Zoom::Zoom(config::Provider settings, http::Sender& sender, std::chrono::milliseconds http_timeout)
    : RestProvider(std::move(settings), sender, http_timeout)
{
}

asio::awaitable<Result<Meeting>> Zoom::make(Run& run)
{
    return run.request.may_exist ? find_or_create(run) : create_new(run);
}

asio::awaitable<Result<Meeting>> Zoom::find_or_create(Run& run)
{
    Result<std::vector<ZoomMeeting>> found = co_await find(run);
    if (!found) {
        co_return std::move(found).failure();
    }
    if (!found->empty()) {
        co_return co_await adopt(run, *std::move(found));
    }
    co_return co_await create_new(run);
}

/// Every meeting of the owner that bears the session's tag. An incomplete list is a failure: "not
/// found" must mean that it does not exist.
asio::awaitable<Result<std::vector<ZoomMeeting>>> Zoom::find(Run& run)
{
    const std::string tag = zoom::tag(run.request);
    const bool upcoming = run.request.starts_at > run.request.now + safely_upcoming;
    const auto listing = upcoming ? zoom::Listing::upcoming : zoom::Listing::scheduled;
    std::vector<ZoomMeeting> found;
    std::set<std::string> tokens;
    std::string token;
    for (int number = 0; number < max_pages; ++number) {
        http::Request request = zoom::list(settings(), run.access_token, listing, token);
        const http::Response answer = co_await send(std::move(request), run);
        if (!succeeded(answer)) {
            co_return zoom::api_failure(answer, Stage::find);
        }
        auto page = zoom::read_page(answer.body);
        if (!page) {
            co_return unusable(answer, Stage::find, Reason::answer_unreadable,
                               "the answer is not a list of meetings");
        }
        std::copy_if(page->meetings.begin(), page->meetings.end(), std::back_inserter(found),
                     [&](const ZoomMeeting& meeting) { return bears_tag(meeting, tag); });
        token = page->next_page_token;
        if (token.empty()) {
            co_return found;
        }
        if (!tokens.insert(token).second) {
            co_return unusable(answer, Stage::find, Reason::answer_unreadable,
                               "the list of meetings repeats a page");
        }
    }
    Failure failure;
    failure.reason = Reason::answer_unreadable;
    failure.stage = Stage::find;
    failure.detail = "the list of meetings has more than " + std::to_string(max_pages) + " pages";
    co_return failure;
}

asio::awaitable<Result<std::vector<Meeting>>> Zoom::find_all(Run& run)
{
    auto found = co_await find(run);
    if (!found) {
        co_return std::move(found).failure();
    }
    std::vector<Meeting> meetings;
    for (const auto& one : *found) {
        meetings.push_back({.join_url = one.join_url, .external_id = one.id, .adopted = true});
    }
    co_return meetings;
}

/// Keeps the oldest; others with the same tag are duplicates of a time when somebody created blindly.
asio::awaitable<Result<Meeting>> Zoom::adopt(Run& run, std::vector<ZoomMeeting> found)
{
    std::sort(found.begin(), found.end(), [](const ZoomMeeting& a, const ZoomMeeting& b) {
        return std::tie(a.created_at, a.id) < std::tie(b.created_at, b.id);
    });
    http::Response answer;  // what the meeting was read from, for the words of a failure
    answer.status = 200;
    answer.host = http::parse_url(settings().api_base).value_or(http::Url{}).host;
    ZoomMeeting kept = found.front();
    if (kept.join_url.empty()) {
        http::Request get = zoom::get(settings(), run.access_token, kept.id);
        answer = co_await send(std::move(get), run);
        if (!succeeded(answer)) {
            co_return zoom::api_failure(answer, Stage::find);
        }
        auto meeting = zoom::read_meeting(answer.body);
        if (!meeting || meeting->id != kept.id || !bears_tag(*meeting, zoom::tag(run.request))) {
            co_return unusable(answer, Stage::find, Reason::wrong_meeting,
                               "the answer is another meeting than was asked for");
        }
        kept = std::move(*meeting);
    }
    Result<Meeting> result = accept(run, kept, answer, true);
    if (!result) {
        co_return result;
    }
    for (auto duplicate = found.begin() + 1; duplicate != found.end(); ++duplicate) {
        result->surplus.push_back(duplicate->id);
    }
    // From here on the link is certain. What fails now is left: people wait for the link.
    if (kept.starts_at && *kept.starts_at != run.request.starts_at) {
        http::Request move = zoom::reschedule(settings(), run.access_token, kept.id, run.request);
        co_await send(std::move(move), run);
    }
    co_return result;
}

asio::awaitable<Result<Meeting>> Zoom::create_new(Run& run)
{
    http::Request request = zoom::create(settings(), run.access_token, run.request);
    const http::Response answer = co_await send(std::move(request), run);
    co_return created(run, answer);
}

Result<Meeting> Zoom::created(const Run& run, const http::Response& answer) const
{
    if (!succeeded(answer)) {
        return zoom::api_failure(answer, Stage::create);
    }
    const auto meeting = zoom::read_meeting(answer.body);
    if (!meeting) {
        return unusable(answer, Stage::create, Reason::answer_unreadable,
                        "the answer is not a meeting with an id");
    }
    const bool ours = meeting->agenda.empty() ? meeting->topic == zoom::topic(run.request)
                                              : bears_tag(*meeting, zoom::tag(run.request));
    if (!ours) {
        return unusable(answer, Stage::create, Reason::wrong_meeting,
                        "the answer is a meeting of another session");
    }
    return accept(run, *meeting, answer, false);
}

/// A meeting without a usable link is there all the same: "outcome unknown" makes the next attempt find
/// this one instead of making a second.
Result<Meeting> Zoom::accept(const Run& run, const ZoomMeeting& meeting,
                             const http::Response& answer, bool adopted) const
{
    if (meeting.join_url.empty()) {
        return unresolved(
            unusable(answer, Stage::create, Reason::link_missing, "the meeting has no join_url"));
    }
    if (const auto problem = link_problem(meeting.join_url, settings().link_hosts)) {
        return unresolved(unusable(answer, Stage::create, Reason::link_rejected, *problem));
    }
    return Meeting{meeting.join_url, meeting.id, run.request.generation, adopted};
}

asio::awaitable<Result<Tokens>> Zoom::refresh(const Secret& refresh_token)
{
    http::Request request = zoom::refresh(settings(), refresh_token);
    const http::Response answer = co_await send(std::move(request));
    if (succeeded(answer)) {
        if (auto tokens = zoom::read_tokens(answer)) {
            co_return std::move(*tokens);
        }
    }
    co_return zoom::token_failure(answer);
}

asio::awaitable<Result<std::monostate>> Zoom::move(MeetingRequest request, std::string external_id,
                                                   const Secret& access_token)
{
    http::Request patch = zoom::reschedule(settings(), access_token, external_id, request);
    const http::Response answer = co_await send(std::move(patch));
    if (!succeeded(answer)) {
        co_return zoom::api_failure(answer, Stage::settle);
    }
    co_return std::monostate{};
}

asio::awaitable<Result<std::monostate>> Zoom::cancel(std::string external_id,
                                                     const Secret& access_token)
{
    if (auto problem = token_problem(access_token, Stage::settle)) {
        co_return std::move(*problem);
    }
    http::Request request = zoom::remove(settings(), access_token, external_id);
    const http::Response answer = co_await send(std::move(request));
    if (succeeded(answer) || answer.status == 404 || answer.status == 410) {
        co_return std::monostate{};
    }
    Failure failure = zoom::api_failure(answer, Stage::settle);
    if (failure.reason == Reason::meeting_vanished) {  // 3001 gone, 3007 ended
        co_return std::monostate{};
    }
    co_return failure;
}

}  // namespace meetlink::provider
