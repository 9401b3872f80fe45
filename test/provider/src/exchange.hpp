#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "admin.hpp"
#include "message.hpp"
#include "standin.hpp"

namespace meetlink::standin {

inline boost::asio::awaitable<void> pause(std::chrono::milliseconds time)
{
    namespace asio = boost::asio;
    if (time.count() == 0) co_return;
    asio::steady_timer timer{co_await asio::this_coro::executor, time};
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

/// Acts on a request that `rule` hits, and answers it as exchange() does.
template <typename Wire>
boost::asio::awaitable<bool> exchange_with_fault(Standin& standin, Request request, Wire& wire,
                                                 Call call, std::shared_ptr<FaultRule> rule,
                                                 std::uint64_t entry)
{
    const Effect& effect = rule->effect();
    if (effect.hold_before) co_await rule->released();
    co_await pause(effect.delay);
    Answer answer;
    if (effect.act) answer = standin.act(call, request, &effect);
    if (effect.hold_after) co_await rule->released();
    co_await pause(effect.answer_delay);
    answer = apply(effect, call.provider, std::move(answer), standin.clock.now());

    // Written down before it is sent: who has the answer can also find it in the log.
    const auto finish = [&](int status, std::string_view outcome) {
        standin.journal.finish(entry, call, status, outcome, effect.name, answer.body,
                               standin.clock.now());
    };
    switch (effect.delivery) {
        case Delivery::cut:
            finish(0, "cut");
            wire.cut(effect.reset);
            co_return false;
        case Delivery::abort:
            finish(0, "aborted");
            co_return false;
        case Delivery::refuse:
            finish(0, "refused");
            wire.refuse();
            co_return false;
        case Delivery::hang: {
            using namespace boost::asio::experimental::awaitable_operators;
            co_await (rule->released() || wire.gone());
            finish(0, "hung");
            co_return false;
        }
        case Delivery::truncated:
            finish(0, "truncated");
            co_await wire.write_half(answer);
            co_return false;
        case Delivery::drip:
            finish(answer.status, "answered");
            co_return co_await wire.drip(answer, effect);
        case Delivery::last:
            wire.take_no_more();
            break;
        case Delivery::whole:
            break;
    }
    finish(answer.status, "answered");
    co_return co_await wire.write(answer);
}

/// Serves one request, with whatever fault hits it; false when no more may come over its connection.
///
/// `Wire` is the way back to the client, an HTTP/1.1 connection or a stream of an HTTP/2 one:
///
///     awaitable<bool> write(answer);         // like the result; may outlive the answer
///     awaitable<bool> drip(answer, effect);  // like the result
///     awaitable<void> write_half(answer);
///     awaitable<void> gone();       // until the client has given up
///     void cut(reset);              // the whole connection
///     void refuse();                // only this request, as one that was not looked at
///     void take_no_more();          // after the requests that are under way
///
/// One that returns without having written ends the request without an answer.
template <typename Wire>
boost::asio::awaitable<bool> exchange(Standin& standin, const Request& request, Wire& wire)
{
    if (request.path.starts_with(admin_prefix)) {
        return wire.write(administrate(standin, request));
    }
    Call call = standin.route(request);
    auto rule = standin.faults.match(call, request);
    const auto entry = standin.journal.start(call, request, standin.clock.now());
    if (rule != nullptr) {
        return exchange_with_fault(standin, request, wire, std::move(call), std::move(rule), entry);
    }
    Answer answer = standin.act(call, request, nullptr);
    standin.journal.finish(entry, call, answer.status, "answered", {}, answer.body,
                           standin.clock.now());
    return wire.write(std::move(answer));
}

}  // namespace meetlink::standin
