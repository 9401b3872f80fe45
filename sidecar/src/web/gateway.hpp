#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <map>
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

    void stop() { pool_.stop(); }

private:
    struct Asked;
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
