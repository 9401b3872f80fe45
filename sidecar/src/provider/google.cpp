#include "provider/google.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "http/url.hpp"
#include "provider/answer.hpp"
#include "provider/google_requests.hpp"
#include "provider/link_check.hpp"

namespace meetlink::provider {
namespace {

namespace asio = boost::asio;
using google::Conference;
using google::Event;

// Ids that deleted or foreign events have used up, tried in one attempt.
constexpr int max_burnt_ids = 4;
// Conferences asked for anew after Google reported a failure (PROVIDERS.md 1.4: at most 2 or 3).
constexpr int max_renewals = 2;

asio::awaitable<void> pause(std::chrono::milliseconds duration)
{
    asio::steady_timer timer(co_await asio::this_coro::executor, duration);
    co_await timer.async_wait(asio::use_awaitable);
}

/// The event is there, whatever follows: the next attempt finds it by the same id.
Failure existing(Failure failure)
{
    failure.outcome_unknown = true;
    return failure;
}

}  // namespace

Google::Google(config::Provider settings, http::Sender& sender,
               std::chrono::milliseconds http_timeout, GooglePace pace)
    : RestProvider(std::move(settings), sender, http_timeout), pace_(std::move(pace))
{
}

asio::awaitable<Result<Meeting>> Google::make(Run& run)
{
    for (int burnt = 0; burnt < max_burnt_ids; ++burnt) {
        http::Request insert = google::insert(settings(), run.access_token, run.request);
        const http::Response answer = co_await send(std::move(insert), run);
        const std::string id = google::event_id(run.request);
        const std::string session = google::session_property(run.request);
        if (succeeded(answer)) {
            auto event = google::read_event(answer.body);
            if (!event) {
                co_return unusable(answer, Stage::create, Reason::answer_unreadable,
                                   "the answer is not an event");
            }
            if (event->id != id || (!event->session.empty() && event->session != session)) {
                co_return unusable(answer, Stage::create, Reason::wrong_meeting,
                                   "the answer is an event of another session");
            }
            co_return co_await wait_for_link(run, std::move(*event), false);
        }
        if (!google::is_duplicate(answer)) {
            co_return google::api_failure(answer, Stage::create);
        }
        Result<std::optional<Event>> found = co_await look_up(run, id);
        if (!found) {
            co_return existing(std::move(found).failure());
        }
        if (*found && !(*found)->cancelled && (*found)->session == session) {
            Event event = std::move(**found);
            co_await correct_times(run, event);
            co_return co_await wait_for_link(run, std::move(event), true);
        }
        // Deleted, foreign, or gone but still reserved: this id will never be ours again.
        ++run.request.generation;
    }
    Failure failure;
    failure.reason = Reason::meeting_vanished;
    failure.stage = Stage::create;
    failure.http_status = 409;
    failure.provider_code = "duplicate";
    failure.detail =
        std::to_string(max_burnt_ids) + " event ids in a row belong to deleted or foreign events";
    co_return failure;
}

/// The event with this id; nothing when Google says that there is none, more than once, because its
/// stores are not always of one mind (PROVIDERS.md 1.8, 404).
asio::awaitable<Result<std::optional<Event>>> Google::look_up(Run& run, std::string id)
{
    for (std::size_t tries = 0;; ++tries) {
        http::Request get = google::get(settings(), run.access_token, id);
        const http::Response answer = co_await send(std::move(get), run);
        if (succeeded(answer)) {
            std::optional<Event> event = google::read_event(answer.body);
            if (!event || event->id != id) {
                co_return unusable(answer, Stage::find, Reason::answer_unreadable,
                                   "the answer is not the event that was asked for");
            }
            co_return event;
        }
        Failure failure = google::api_failure(answer, Stage::find);
        if (failure.reason != Reason::meeting_vanished) {
            co_return failure;
        }
        if (tries == pace_.duplicate.size()) {
            co_return std::optional<Event>();
        }
        co_await pause(pace_.duplicate[tries]);
    }
}

/// The ids from the request's generation on, which is that of the attempt's start: within the attempt each
/// burnt id led to the next one. One past those that exist, nothing was inserted.
asio::awaitable<Result<std::vector<Meeting>>> Google::find_all(Run& run)
{
    const std::string session = google::session_property(run.request);
    std::vector<Meeting> meetings;
    for (int step = 0; step <= max_burnt_ids; ++step, ++run.request.generation) {
        const std::string id = google::event_id(run.request);
        Result<std::optional<Event>> found = co_await look_up(run, id);
        if (!found) {
            co_return std::move(found).failure();
        }
        if (!*found) {
            break;
        }
        if (!(*found)->cancelled && (*found)->session == session) {
            meetings.push_back({.join_url = (*found)->link,
                                .external_id = id,
                                .generation = run.request.generation,
                                .adopted = true});
        }
    }
    co_return meetings;
}

/// An adopted event may be of an earlier time of the session. A failure is left alone: the link is what
/// people wait for, and it works at any time.
asio::awaitable<void> Google::correct_times(Run& run, Event& event)
{
    if (event.starts_at == run.request.starts_at && event.ends_at == run.request.ends_at) {
        co_return;
    }
    http::Request patch = google::reschedule(settings(), run.access_token, event.id, run.request);
    const http::Response answer = co_await send(std::move(patch), run);
    if (succeeded(answer)) {
        auto changed = google::read_event(answer.body);
        if (changed && changed->id == event.id) {
            event = std::move(*changed);
        }
    }
}

asio::awaitable<Result<Meeting>> Google::wait_for_link(Run& run, Event event, bool adopted)
{
    const std::string id = event.id;
    std::size_t polls = 0;
    int renewals = 0;
    http::Response answer;  // what the event was read from, for the words of a failure
    answer.status = 200;
    answer.host = http::parse_url(settings().api_base).value_or(http::Url{}).host;
    for (;;) {
        if (event.cancelled) {
            ++run.request.generation;
            co_return unusable(answer, Stage::poll, Reason::meeting_vanished,
                               "the event was deleted meanwhile");
        }
        http::Request next;
        if (event.conference == Conference::pending) {
            if (polls == pace_.conference.size()) {
                co_return existing(unusable(answer, Stage::poll, Reason::conference_pending,
                                            "the conference is still pending"));
            }
            const auto wait = pace_.conference[polls++];
            co_await pause(wait);
            next = google::get(settings(), run.access_token, id);
        } else if (event.conference == Conference::failed ||
                   (event.conference == Conference::absent && (adopted || renewals > 0))) {
            if (renewals == max_renewals) {
                co_return existing(unusable(answer, Stage::poll, Reason::meet_unavailable,
                                            "Google reports that the conference cannot be made"));
            }
            ++renewals;
            next =
                google::renew_conference(settings(), run.access_token, id,
                                         google::next_request_id(id, event.request_id, event.etag));
        } else {
            co_return accept(run, event, answer, adopted);
        }
        answer = co_await send(std::move(next), run);
        if (!succeeded(answer)) {
            co_return existing(google::api_failure(answer, Stage::poll));
        }
        auto changed = google::read_event(answer.body);
        if (!changed || changed->id != id) {
            co_return existing(unusable(answer, Stage::poll, Reason::answer_unreadable,
                                        "the answer is not the event that was asked for"));
        }
        event = std::move(*changed);
    }
}

Result<Meeting> Google::accept(const Run& run, const Event& event, const http::Response& answer,
                               bool adopted) const
{
    if (event.conference == Conference::absent) {
        // The event stays. Once Meet is turned on, the next attempt adopts it and asks again.
        return existing(unusable(answer, Stage::create, Reason::meet_unavailable,
                                 "the event was created without a conference"));
    }
    if (event.link.empty()) {
        return existing(
            unusable(answer, Stage::create, Reason::link_missing,
                     "the conference has neither a video entry point nor a hangoutLink"));
    }
    if (const auto problem = link_problem(event.link, settings().link_hosts)) {
        return existing(unusable(answer, Stage::create, Reason::link_rejected, *problem));
    }
    return Meeting{event.link, event.id, run.request.generation, adopted};
}

asio::awaitable<Result<Tokens>> Google::refresh(const Secret& refresh_token)
{
    http::Request request = google::refresh(settings(), refresh_token);
    const http::Response answer = co_await send(std::move(request));
    if (succeeded(answer)) {
        if (auto tokens = google::read_tokens(answer)) {
            co_return std::move(*tokens);
        }
    }
    Failure failure = google::token_failure(answer);
    failure.outcome_unknown =
        false;  // Google's refresh tokens are not rotated: nothing can be lost
    co_return failure;
}

asio::awaitable<Result<std::monostate>> Google::move(MeetingRequest request,
                                                     std::string external_id,
                                                     const Secret& access_token)
{
    http::Request patch = google::reschedule(settings(), access_token, external_id, request);
    const http::Response answer = co_await send(std::move(patch));
    if (!succeeded(answer)) {
        co_return google::api_failure(answer, Stage::settle);
    }
    co_return std::monostate{};
}

asio::awaitable<Result<std::monostate>> Google::cancel(std::string external_id,
                                                       const Secret& access_token)
{
    if (auto problem = token_problem(access_token, Stage::settle)) {
        co_return std::move(*problem);
    }
    http::Request request = google::remove(settings(), access_token, external_id);
    const http::Response answer = co_await send(std::move(request));
    if (succeeded(answer) || answer.status == 404 || answer.status == 410) {
        co_return std::monostate{};
    }
    co_return google::api_failure(answer, Stage::settle);
}

}  // namespace meetlink::provider
