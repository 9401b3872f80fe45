#include "postgres/connection.hpp"

#include <openssl/ssl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "log/log.hpp"
#include "postgres/connect.hpp"

namespace meetlink::postgres {

namespace asio = boost::asio;
using Wait = asio::posix::stream_descriptor::wait_type;

namespace {

/// What every session of the daemon needs, whatever the database's or the role's defaults are.
/// A lock that an application's transaction holds must not stand in front of everybody's answers:
/// hence the short lock_timeout.
constexpr Statement session_settings{
    "session_settings",
    "select set_config('timezone', 'UTC', false), set_config('datestyle', 'ISO', false), "
    "set_config('statement_timeout', '20s', false), set_config('lock_timeout', '2s', false), "
    "set_config('default_transaction_isolation', 'read committed', false), "
    "set_config('search_path', 'pg_catalog, pg_temp', false), set_config('jit', 'off', false)"};

}  // namespace

asio::awaitable<Expected<std::shared_ptr<Connection>>> Connection::open(
    asio::any_io_executor executor, Conninfo conninfo, OnNotify on_notify)
{
    auto handle = co_await connect(executor, std::move(conninfo));
    if (!handle) {
        co_return handle.error();
    }
    auto connection =
        std::make_shared<Connection>(executor, std::move(*handle), std::move(on_notify));
    asio::co_spawn(executor, read(connection), asio::detached);
    if (auto error = co_await connection->begin_session()) {
        connection->close("its session could not be prepared");
        error->connection_lost = true;
        co_return std::move(*error);
    }
    co_return connection;
}

Connection::Connection(asio::any_io_executor executor, Handle handle, OnNotify on_notify)
    : executor_(executor),
      handle_(std::move(handle)),
      socket_(executor, PQsocket(handle_.get())),
      on_notify_(std::move(on_notify)),
      server_version_(PQserverVersion(handle_.get())),
      closed_(executor)
{
    PQsetnonblocking(handle_.get(), 1);
    PQenterPipelineMode(handle_.get());
    PQsetNoticeReceiver(handle_.get(), &Connection::on_notice, this);
}

Connection::~Connection()
{
    if (handle_) {
        socket_.release();  // before PQfinish closes it: its number may be reused at once
    }
}

asio::awaitable<std::optional<Error>> Connection::begin_session()
{
    const auto answer = co_await query(session_settings);
    if (!answer) {
        co_return answer.error();
    }
    co_return std::nullopt;
}

asio::awaitable<Answer> Connection::query(Statement statement, std::vector<Parameter> parameters)
{
    if (!alive()) {
        co_return Error::lost(end_.message, false);
    }
    auto pending = std::make_shared<Pending>(
        Pending{.name = statement.name,
                .preparing = prepared_.insert(statement.name).second,
                .answer = std::nullopt,
                .answered = asio::steady_timer{executor_, answer_timeout}});
    if (!send(statement, parameters, *pending)) {
        fail(Error::of(handle_.get()));
        co_return Error::lost(end_.message, false);
    }
    parameters = std::vector<Parameter>{};  // libpq has a copy, and the wait may be long
    pending_.push_back(pending);
    flush();
    if (!pending->answer) {
        boost::system::error_code ended;
        co_await pending->answered.async_wait(asio::redirect_error(asio::use_awaitable, ended));
        if (!pending->answer && !ended) {
            fail(Error::lost("no answer within " + std::to_string(answer_timeout.count()) + " s",
                             true));
        }
    }
    // no answer although the connection lives: the waiting coroutine itself was cancelled
    co_return pending->answer ? std::move(*pending->answer)
                              : Answer{Error{.message = "cancelled", .outcome_unknown = true}};
}

bool Connection::send(const Statement& statement, const std::vector<Parameter>& parameters,
                      Pending& pending)
{
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const auto& parameter : parameters) {
        values.push_back(parameter ? parameter->c_str() : nullptr);
    }
    return (!pending.preparing ||
            PQsendPrepare(handle_.get(), statement.name, statement.sql, 0, nullptr)) &&
           PQsendQueryPrepared(handle_.get(), statement.name, static_cast<int>(values.size()),
                               values.data(), nullptr, nullptr, 0) &&
           PQpipelineSync(handle_.get());
}

asio::awaitable<void> Connection::read(std::shared_ptr<Connection> self)
{
    while (self->alive()) {
        boost::system::error_code problem;
        co_await self->socket_.async_wait(Wait::wait_read,
                                          asio::redirect_error(asio::use_awaitable, problem));
        if (!self->alive()) {
            break;
        }
        if (problem || !self->consume()) {
            self->fail(Error::of(self->handle_.get()));
            break;
        }
        self->take_results();
        self->deliver_notifications();
        self->flush();
    }
}

asio::awaitable<void> Connection::write(std::shared_ptr<Connection> self)
{
    while (self->alive()) {
        boost::system::error_code problem;
        co_await self->socket_.async_wait(Wait::wait_write,
                                          asio::redirect_error(asio::use_awaitable, problem));
        if (!self->alive()) {
            break;
        }
        const int rest = problem ? -1 : PQflush(self->handle_.get());
        if (rest < 0) {
            self->fail(Error::of(self->handle_.get()));
        } else if (rest == 0) {
            break;
        }
    }
    self->writing_ = false;
}

void Connection::flush()
{
    if (!alive() || writing_) {
        return;
    }
    const int rest = PQflush(handle_.get());
    if (rest < 0) {
        fail(Error::of(handle_.get()));
    } else if (rest > 0) {
        writing_ = true;
        asio::co_spawn(executor_, write(shared_from_this()), asio::detached);
    }
}

bool Connection::consume()
{
    // OpenSSL may hold decrypted bytes that epoll knows nothing of
    auto* tls = static_cast<SSL*>(PQsslStruct(handle_.get(), "OpenSSL"));
    do {
        if (!PQconsumeInput(handle_.get())) {
            return false;
        }
    } while (tls != nullptr && SSL_pending(tls) > 0);
    return true;
}

void Connection::take_results()
{
    int nulls = 0;  // one ends each statement's results; two in a row: nothing more has arrived
    while (alive() && !pending_.empty() && nulls < 2 && !PQisBusy(handle_.get())) {
        PGresult* result = PQgetResult(handle_.get());
        if (result == nullptr) {
            ++nulls;
            continue;
        }
        nulls = 0;
        take_result(result, *pending_.front());
    }
    if (alive() && PQstatus(handle_.get()) == CONNECTION_BAD) {
        fail(Error::of(handle_.get()));
    }
}

void Connection::take_result(PGresult* result, Pending& pending)
{
    const Rows rows{result};  // owns it
    switch (PQresultStatus(result)) {
        case PGRES_PIPELINE_SYNC: {
            const auto done = std::move(pending_.front());
            pending_.pop_front();
            if (!done->answer) {
                done->answer = Rows{};
            }
            done->answered.cancel();
            const auto& state = *done->answer ? std::string{} : done->answer->error().sqlstate;
            if (state == "26000" || state == "0A000") {
                // a prepared statement is gone (a transaction pooler), or its result has another shape
                // since an upgrade: a new connection prepares it anew
                fail(Error::lost("a prepared statement is no longer valid", true));
            }
            break;
        }
        case PGRES_COMMAND_OK:
        case PGRES_TUPLES_OK:
            pending.preparing = false;
            if (!pending.answer) {
                pending.answer = rows;
            }
            if (*pending.answer) {
                pending.answer = rows;  // the Parse is followed by the Execute
            }
            break;
        case PGRES_PIPELINE_ABORTED:
            break;
        default:
            if (pending.preparing) {
                prepared_.erase(pending.name);
            }
            pending.answer = Error::of(result);
    }
}

void Connection::deliver_notifications()
{
    while (alive()) {
        const std::unique_ptr<PGnotify, decltype(&PQfreemem)> notify{PQnotifies(handle_.get()),
                                                                     &PQfreemem};
        if (!notify) {
            break;
        }
        if (on_notify_) {
            on_notify_(notify->relname, notify->extra);
        }
    }
}

void Connection::fail(Error error)
{
    if (!alive()) {
        return;
    }
    end_ = std::move(error);
    end_.connection_lost = true;
    socket_.release();
    handle_.reset();
    for (const auto& pending : std::exchange(pending_, {})) {
        if (!pending->answer || *pending->answer) {
            pending->answer = Error::lost(end_.message, true);  // its Sync did not arrive
        }
        pending->answered.cancel();
    }
    closed_.notify_all();
}

asio::awaitable<Error> Connection::closed()
{
    while (alive()) {
        co_await closed_.wait();
    }
    co_return end_;
}

void Connection::close(std::string_view why)
{
    fail(Error::lost(std::string{why}, true));
}

void Connection::on_notice(void* /*self*/, const PGresult* notice) noexcept
{
    try {
        const auto error = Error::of(notice);
        log::warning("database_notice", error.message, {{"sqlstate", error.sqlstate}});
    } catch (const std::bad_alloc&) {
        // a notice may be lost
    }
}

}  // namespace meetlink::postgres
