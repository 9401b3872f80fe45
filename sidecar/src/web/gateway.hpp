#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "log/repeat_limiter.hpp"
#include "web/caller.hpp"
#include "web/message.hpp"
#include "web/pool.hpp"

namespace meetlink::web {

/// The database on behalf of HTTP callers (sql/65_gateway.sql): each call is one transaction under the
/// caller's role and claims, on a connection that itself may do nothing. What the database has against
/// it comes back as an Answer without its internals, which the log has.
class Gateway {
public:
    /// How long callers wait for an outcome.
    static constexpr std::chrono::seconds wait{10};

    Gateway(boost::asio::any_io_executor executor, postgres::Conninfo conninfo,
            Pool::Options options = {})
        : pool_(executor, std::move(conninfo), options)
    {
    }

    /// public.retry_meeting_link, whose answer object is the body.
    [[nodiscard]] boost::asio::awaitable<Answer> retry(Caller caller, std::string session_id);

    struct Missing {
        std::vector<std::string> session_ids;  ///< nearest start first
        std::int64_t seen = 0;                 ///< the newest attempt before
        bool daemon = false;                   ///< somebody is there to make the links
    };
    /// Asks for every upcoming session without a link. Callers who may not retry any session get 403.
    [[nodiscard]] boost::asio::awaitable<std::variant<Missing, Answer>> request_missing(
        Caller caller);

    /// Error by session, empty when it has a link; of the given ones that are settled since `seen`.
    using Outcomes = std::map<std::string, std::string>;
    [[nodiscard]] boost::asio::awaitable<std::variant<Outcomes, Answer>> outcomes(
        std::vector<std::string> session_ids, std::int64_t seen);

    /// Whether the caller may see and retry every session.
    [[nodiscard]] boost::asio::awaitable<std::variant<bool, Answer>> may_do_anything(Caller caller);

    /// Where a page of a session list begins (sql/66_pages.sql, session_queries).
    struct Place {
        std::string phase;  ///< "0": upcoming sessions, "1": past ones
        std::string at_us;  ///< the time that parts them
        std::optional<std::string>
            start_us{};  ///< after this start and id; nothing: at the beginning
        std::optional<std::string> id{};
    };
    /// The caller's sessions: {sessions, next}.
    [[nodiscard]] boost::asio::awaitable<Answer> sessions(Caller caller, int limit, Place place);

    /// JSON of one session; nothing when there is none that the caller may see.
    using Found = std::optional<std::string>;
    [[nodiscard]] boost::asio::awaitable<std::variant<Found, Answer>> session(Caller caller,
                                                                              std::string id);
    /// {session, timeline}, for operators.
    [[nodiscard]] boost::asio::awaitable<std::variant<Found, Answer>> timeline(Caller caller,
                                                                               std::string id);
    /// Those of the ids, at most 100, that the caller may see, in normal form.
    [[nodiscard]] boost::asio::awaitable<std::variant<std::vector<std::string>, Answer>> visible(
        Caller caller, std::vector<std::string> ids);

    /// Column `body` of a statement that needs an operator; its complaint about a parameter is 400.
    [[nodiscard]] boost::asio::awaitable<Answer> for_operator(
        Caller caller, postgres::Statement statement, std::vector<postgres::Parameter> parameters);

    void stop() { pool_.stop(); }

private:
    /// One statement under a role.
    struct Asked {
        Caller caller;
        bool of_anything = false;  ///< only callers who may retry any session
        postgres::Statement statement;
        std::vector<postgres::Parameter> parameters;
        bool checked = false;  ///< the statement says itself which of its parameters are wrong
    };
    /// What the caller's role sees of the application's table, and how an operator completes it.
    struct Look {
        Caller caller;
        bool of_anything = false;
        std::vector<std::string> ids;  ///< to find; for a list, that of the place
        std::optional<Place> place;    ///< of a list
        int limit = 0;
        postgres::Statement complete;  ///< $1 what was seen, $2 who asks, $3 whether an operator
    };
    [[nodiscard]] boost::asio::awaitable<std::variant<postgres::Rows, Answer>> look(Look look);
    [[nodiscard]] boost::asio::awaitable<std::variant<postgres::Rows, Answer>> look_through(
        postgres::Connection& connection, Look look);
    [[nodiscard]] std::optional<Answer> objection(const postgres::Answer& entered, bool of_anything,
                                                  const Caller& caller);
    [[nodiscard]] boost::asio::awaitable<std::variant<Pool::Loan, Answer>> borrow();
    [[nodiscard]] boost::asio::awaitable<std::variant<postgres::Rows, Answer>> transact(
        Pool::Loan& loan, Asked asked);
    [[nodiscard]] boost::asio::awaitable<std::variant<postgres::Rows, Answer>> ask(
        postgres::Connection& connection, Asked asked);
    [[nodiscard]] Answer refused(const postgres::Error& error);

    Pool pool_;
    log::RepeatLimiter limiter_;
};

}  // namespace meetlink::web
