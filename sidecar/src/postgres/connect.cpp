#include "postgres/connect.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>

namespace meetlink::postgres {

namespace asio = boost::asio;

namespace {

using Clock = std::chrono::steady_clock;

/// Waits until the socket is ready or the time is over; false: the time is over. The descriptor never
/// closes the socket: it belongs to libpq, which may replace it at every PQconnectPoll.
asio::awaitable<bool> ready(asio::any_io_executor executor, int socket,
                            asio::posix::stream_descriptor::wait_type what, Clock::time_point until)
{
    struct Borrowed {
        asio::posix::stream_descriptor descriptor;
        bool in_use = true;
        void release()
        {
            if (std::exchange(in_use, false)) {
                descriptor.release();
            }
        }
    };
    // shared with the timer's handler, which may already be queued when this coroutine goes on
    auto borrowed = std::make_shared<Borrowed>(
        Borrowed{.descriptor = asio::posix::stream_descriptor{executor, socket}});
    struct Guard {
        Borrowed& borrowed;
        ~Guard() { borrowed.release(); }
    };
    const Guard guard{*borrowed};
    asio::steady_timer timer{executor, until};
    timer.async_wait([borrowed](boost::system::error_code cancelled) {
        if (!cancelled && borrowed->in_use) {
            borrowed->descriptor.cancel();
        }
    });
    boost::system::error_code problem;
    co_await borrowed->descriptor.async_wait(what,
                                             asio::redirect_error(asio::use_awaitable, problem));
    co_return problem != asio::error::operation_aborted;
}

std::chrono::seconds connect_timeout(PGconn* handle)
{
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options{PQconninfo(handle),
                                                                               &PQconninfoFree};
    long seconds = 0;
    for (const auto* option = options.get(); option && option->keyword; ++option) {
        if (option->keyword == std::string_view{"connect_timeout"} && option->val) {
            const std::string_view text{option->val};
            std::from_chars(text.data(), text.data() + text.size(), seconds);
        }
    }
    return seconds > 0 ? std::chrono::seconds{std::max(seconds, 2L)} : std::chrono::hours{24};
}

asio::awaitable<Expected<Connection::Handle>> connect_to(asio::any_io_executor executor,
                                                         Keywords keywords)
{
    std::vector<const char*> names;
    std::vector<const char*> values;
    for (const auto& [name, value] : keywords) {
        names.push_back(name.c_str());
        values.push_back(value.c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    Connection::Handle handle{PQconnectStartParams(names.data(), values.data(), 1), &PQfinish};
    if (!handle) {
        throw std::bad_alloc{};
    }
    const auto until = Clock::now() + connect_timeout(handle.get());
    auto next =
        PQstatus(handle.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (next != PGRES_POLLING_OK) {
        if (next == PGRES_POLLING_FAILED) {
            co_return Error::of(handle.get());
        }
        const auto what = next == PGRES_POLLING_READING
                              ? asio::posix::stream_descriptor::wait_read
                              : asio::posix::stream_descriptor::wait_write;
        const bool in_time = co_await ready(executor, PQsocket(handle.get()), what, until);
        if (!in_time) {
            const char* host = PQhost(handle.get());
            co_return Error::lost("connection to server at \"" + std::string{host ? host : ""} +
                                      "\" failed: timeout expired",
                                  false);
        }
        next = PQconnectPoll(handle.get());
    }
    co_return handle;
}

}  // namespace

asio::awaitable<Expected<Connection::Handle>> connect(asio::any_io_executor executor,
                                                      Conninfo conninfo)
{
    auto candidates = servers(conninfo);
    if (const auto* problem = std::get_if<std::string>(&candidates)) {
        Error error;  // of the string, not of a connection
        error.message = *problem;
        error.hint = "See database.conninfo.";
        co_return error;
    }
    Error last;
    for (auto& keywords : std::get<std::vector<Keywords>>(candidates)) {
        auto handle = co_await connect_to(executor, std::move(keywords));
        if (handle) {
            co_return handle;
        }
        last.message += (last.message.empty() ? "" : "; ") + handle.error().message;
    }
    last.connection_lost = true;
    co_return last;
}

}  // namespace meetlink::postgres
