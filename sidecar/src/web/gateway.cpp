#include "web/gateway.hpp"

#include "base/json.hpp"
#include "log/log.hpp"
#include "web/answers.hpp"
#include "web/query.hpp"

namespace meetlink::web {

namespace asio = boost::asio;
using postgres::Rows;
using postgres::Statement;

namespace {

constexpr Statement begin{"begin", "begin"};
constexpr Statement commit{"commit", "commit"};

/// No row: nobody is served under this role. As `set local role`, but with a parameter.
constexpr Statement enter{
    "enter",
    "select set_config('role', r.role, true), set_config('request.jwt.claims', $2, true), "
    "r.anything from meetlink.request_roles() r where r.role = $1"};

constexpr Statement retry_statement{
    "retry", "select public.retry_meeting_link($1::text, $2::interval)::text as answer"};

/// After the transaction, as the gateway itself: the caller's role may know nothing of schema meetlink.
constexpr Statement status_statement{"http_status",
                                     "select meetlink.http_status($1::jsonb) as status"};

/// Only the entering counts.
constexpr Statement nothing_statement{"nothing", "select"};

constexpr Statement request_missing_statement{"request_missing",
                                              "select to_json(session_ids)::text as session_ids, "
                                              "seen, daemon from meetlink.request_missing()"};

constexpr Statement outcomes_statement{
    "outcomes",
    "select session_id, case when answer ->> 'status' <> 'linked' then "
    "coalesce(answer ->> 'details', answer ->> 'message') end as error "
    "from meetlink.outcomes($1::text[], $2)"};

Caller as_operator()
{
    return {.role = "meetlink_operator", .claims = "{}"};
}

/// SQLSTATE classes: what is to blame, the request or the server?
bool of_class(const postgres::Error& error, std::string_view two)
{
    return std::string_view{error.sqlstate}.starts_with(two);
}

}  // namespace

/// What a database error means for the caller.
Answer Gateway::refused(const postgres::Error& error)
{
    if (error.sqlstate == "57014") {
        return problem(504, "The database did not answer in time", "Try again later.", "retry");
    }
    if (of_class(error, "22")) {
        // the application's own policies could not make sense of the claims
        return forbidden("Forbidden", "The token's claims are not accepted.");
    }
    if (const auto repeated = limiter_.admit(error.sqlstate, log::RepeatLimiter::Clock::now())) {
        log::warning("http_database_error", "could not serve an HTTP request",
                     {{"error", error.describe()}, {"repeated", *repeated}});
    }
    if (error.sqlstate == "42501" && !error.connection_lost) {
        return forbidden("Forbidden", "The caller's role may not do this.");
    }
    return unavailable("The database cannot be asked now.");
}

/// What speaks against serving a caller, from the row of request_roles that was found for his role.
std::optional<Answer> Gateway::objection(const postgres::Answer& entered, bool of_anything,
                                         const Caller& caller)
{
    if (!entered && entered.error().sqlstate == "42501") {
        if (const auto repeated = limiter_.admit("entitlement", log::RepeatLimiter::Clock::now())) {
            log::error(
                "http_not_entitled",
                "the role of http.conninfo may not serve HTTP callers; it must be a member of "
                "meetlink_gateway",
                {{"error", entered.error().describe()}, {"repeated", *repeated}});
        }
        return unavailable("The HTTP server's database role is not set up.");
    }
    if (!entered) {
        return refused(entered.error());
    }
    if (entered->empty()) {
        return forbidden("Forbidden", "The token's role is not served here.");
    }
    const bool anything = entered->only().get<bool>("anything");
    if (!anything && of_anything) {
        return forbidden("Forbidden", "Only operators may do this.");
    }
    if (!anything && caller.subject.empty()) {
        return forbidden("Forbidden", "The token names no user (sub).");
    }
    return std::nullopt;
}

asio::awaitable<std::variant<Rows, Answer>> Gateway::ask(postgres::Connection& connection,
                                                         Asked asked)
{
    const auto begun = co_await connection.query(begin);
    if (!begun) {
        co_return refused(begun.error());
    }
    std::vector<postgres::Parameter> identity{asked.caller.role, asked.caller.claims};
    const auto entered = co_await connection.query(enter, std::move(identity));
    if (auto refusal = objection(entered, asked.of_anything, asked.caller)) {
        co_return *std::move(refusal);
    }
    const auto rows = co_await connection.query(asked.statement, std::move(asked.parameters));
    if (!rows && asked.checked && of_class(rows.error(), "22")) {
        co_return bad_parameter("A parameter is not what it should be.");
    }
    if (!rows) {
        co_return refused(rows.error());
    }
    co_return *rows;
}

asio::awaitable<std::variant<Pool::Loan, Answer>> Gateway::borrow()
{
    auto borrowed = co_await pool_.borrow();
    if (std::holds_alternative<Pool::Busy>(borrowed)) {
        co_return unavailable("Too many requests wait already.");
    }
    if (const auto* error = std::get_if<postgres::Error>(&borrowed)) {
        co_return refused(*error);
    }
    co_return std::move(std::get<Pool::Loan>(borrowed));
}

/// After an error COMMIT rolls back.
asio::awaitable<std::variant<Rows, Answer>> Gateway::transact(Pool::Loan& loan, Asked asked)
{
    loan.clean = false;
    auto answer = co_await ask(*loan, std::move(asked));
    const auto ended = co_await loan->query(commit);
    loan.clean = static_cast<bool>(ended);
    if (!ended && std::holds_alternative<Rows>(answer)) {
        co_return refused(ended.error());
    }
    co_return answer;
}

asio::awaitable<Answer> Gateway::retry(Caller caller, std::string session_id)
{
    auto borrowed = co_await borrow();
    if (const auto* refusal = std::get_if<Answer>(&borrowed)) {
        co_return *refusal;
    }
    auto& loan = std::get<Pool::Loan>(borrowed);
    Asked asked{.caller = std::move(caller),
                .of_anything = false,
                .statement = retry_statement,
                .parameters = {session_id, postgres::interval(wait)}};
    const auto asking = co_await transact(loan, std::move(asked));
    if (const auto* refusal = std::get_if<Answer>(&asking)) {
        co_return *refusal;
    }
    const auto body = std::get<Rows>(asking).only().get<std::string>("answer");
    std::vector<postgres::Parameter> parameters{body};
    const auto status = co_await loan->query(status_statement, std::move(parameters));
    if (!status) {
        co_return refused(status.error());
    }
    co_return Answer{.status = status->only().get<int>("status"), .body = body};
}

asio::awaitable<std::variant<Gateway::Missing, Answer>> Gateway::request_missing(Caller caller)
{
    auto borrowed = co_await borrow();
    if (const auto* refusal = std::get_if<Answer>(&borrowed)) {
        co_return *refusal;
    }
    auto& loan = std::get<Pool::Loan>(borrowed);
    Asked entering{.caller = std::move(caller),
                   .of_anything = true,
                   .statement = nothing_statement,
                   .parameters = {}};
    const auto allowed = co_await transact(loan, std::move(entering));
    if (const auto* refusal = std::get_if<Answer>(&allowed)) {
        co_return *refusal;
    }
    // who may retry anything is served as an operator, whose role may read the views
    Asked asked{.caller = as_operator(),
                .of_anything = true,
                .statement = request_missing_statement,
                .parameters = {}};
    const auto asking = co_await transact(loan, std::move(asked));
    if (const auto* refusal = std::get_if<Answer>(&asking)) {
        co_return *refusal;
    }
    const auto row = std::get<Rows>(asking).only();
    Missing missing{.session_ids = {},
                    .seen = row.get<std::int64_t>("seen"),
                    .daemon = row.get<bool>("daemon")};
    if (const auto ids = parse_json(row.get<std::string>("session_ids"))) {
        for (const auto& id : *ids) {
            missing.session_ids.push_back(id.asString());
        }
    }
    co_return missing;
}

asio::awaitable<std::variant<Gateway::Outcomes, Answer>> Gateway::outcomes(
    std::vector<std::string> session_ids, std::int64_t seen)
{
    auto borrowed = co_await borrow();
    if (const auto* refusal = std::get_if<Answer>(&borrowed)) {
        co_return *refusal;
    }
    auto& loan = std::get<Pool::Loan>(borrowed);
    Asked asked{.caller = as_operator(),
                .of_anything = true,
                .statement = outcomes_statement,
                .parameters = {postgres::array_literal(session_ids), std::to_string(seen)}};
    const auto asking = co_await transact(loan, std::move(asked));
    if (const auto* refusal = std::get_if<Answer>(&asking)) {
        co_return *refusal;
    }
    const auto& rows = std::get<Rows>(asking);
    Outcomes outcomes;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        outcomes[rows[row].get<std::string>("session_id")] =
            rows[row].get<std::optional<std::string>>("error").value_or("");
    }
    co_return outcomes;
}

}  // namespace meetlink::web
