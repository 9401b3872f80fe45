#include <functional>

#include "base/json.hpp"
#include "base/text.hpp"
#include "web/answers.hpp"
#include "web/gateway.hpp"
#include "web/query.hpp"

/// What callers may see: asked under their own role, completed as an operator (sql/66_pages.sql).
namespace meetlink::web {

namespace asio = boost::asio;
using postgres::Parameter;
using postgres::Rows;
using postgres::Statement;

namespace {

/// Both steps see the same.
constexpr Statement begin_snapshot{"begin_snapshot",
                                   "begin transaction isolation level repeatable read read only"};
constexpr Statement commit{"commit", "commit"};

constexpr Statement prepare_look{
    "prepare_look",
    "select r.anything, q.list, q.find, k.keys::text as keys, k.keys[1] as key "
    "from meetlink.request_roles() r "
    "cross join lateral meetlink.session_queries(r.anything) q "
    "cross join lateral (select meetlink.normal_keys($2::text[], 100) as keys) k "
    "where r.role = $1"};

constexpr Statement become{
    "become", "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)"};

constexpr Statement roles_statement{
    "anything", "select r.anything from meetlink.request_roles() r where r.role = $1"};

constexpr Statement page_statement{
    "session_page", "select meetlink.session_page($1::jsonb, $2, $3, $4, $5)::text as body"};
constexpr Statement detail_statement{
    "session_detail",
    "select case when jsonb_array_length($1::jsonb) = 1 then "
    "meetlink.session_detail($1::jsonb -> 0, $2, $3)::text end as body"};
constexpr Statement timeline_statement{
    "session_timeline",
    "select case when jsonb_array_length($1::jsonb) = 1 then jsonb_build_object("
    "'session', meetlink.session_object($1::jsonb -> 0, $2, $3), "
    "'timeline', meetlink.timeline($1::jsonb #>> '{0,session_id}'))::text end as body"};
constexpr Statement ids_statement{
    "session_ids",
    "select coalesce(jsonb_agg(v.session ->> 'session_id'), '[]')::text as body, "
    "$2::text as asker, $3::boolean as operator "
    "from jsonb_array_elements($1::jsonb) v(session)"};

constexpr const char* operators = "meetlink_operator";

/// The application's tables decide its text; each text is prepared once per connection.
struct Written {
    std::string name;
    std::string sql;

    Written(std::string_view kind, std::string text)
        : name(std::string{kind} + std::to_string(std::hash<std::string>{}(text))),
          sql(std::move(text))
    {
    }
    [[nodiscard]] Statement statement() const { return {.name = name.c_str(), .sql = sql.c_str()}; }
};

}  // namespace

asio::awaitable<std::variant<Rows, Answer>> Gateway::look_through(postgres::Connection& connection,
                                                                  Look look)
{
    const auto begun = co_await connection.query(begin_snapshot);
    if (!begun) {
        co_return refused(begun.error());
    }
    std::vector<Parameter> question{look.caller.role, postgres::array_literal(look.ids)};
    const auto prepared = co_await connection.query(prepare_look, std::move(question));
    if (auto refusal = objection(prepared, look.of_anything, look.caller)) {
        co_return *std::move(refusal);
    }
    const auto row = prepared->only();
    const bool anything = row.get<bool>("anything");
    const auto key = row.get<std::optional<std::string>>("key");
    std::vector<Parameter> parameters;
    if (!look.place) {
        parameters = {row.get<std::string>("keys")};
    } else if (look.place->id && !key) {
        co_return bad_parameter("The parameter after is not the next of an earlier page.");
    } else {
        parameters = {std::to_string(look.limit + 1), look.place->phase, look.place->at_us,
                      look.place->start_us, key};
    }
    const Written written{look.place ? "list" : "find",
                          row.get<std::string>(look.place ? "list" : "find")};

    std::vector<Parameter> own{anything ? operators : look.caller.role, look.caller.claims};
    const auto became = co_await connection.query(become, std::move(own));
    if (!became) {
        co_return refused(became.error());
    }
    const auto seen = co_await connection.query(written.statement(), std::move(parameters));
    if (!seen) {
        co_return refused(seen.error());
    }
    std::vector<Parameter> of_operator{operators, "{}"};
    const auto back = co_await connection.query(become, std::move(of_operator));
    if (!back) {
        co_return refused(back.error());
    }
    std::vector<Parameter> completing{seen->only().get<std::string>("sessions"),
                                      look.caller.subject, anything ? "true" : "false"};
    if (look.place) {
        completing.emplace_back(std::to_string(look.limit));
        completing.emplace_back(look.place->at_us);
    }
    const auto completed = co_await connection.query(look.complete, std::move(completing));
    if (!completed) {
        co_return refused(completed.error());
    }
    co_return *completed;
}

asio::awaitable<std::variant<Rows, Answer>> Gateway::look(Look look)
{
    auto borrowed = co_await borrow();
    if (const auto* refusal = std::get_if<Answer>(&borrowed)) {
        co_return *refusal;
    }
    auto& loan = std::get<Pool::Loan>(borrowed);
    loan.clean = false;
    auto answer = co_await look_through(*loan, std::move(look));
    const auto ended = co_await loan->query(commit);
    loan.clean = static_cast<bool>(ended);
    if (!ended && std::holds_alternative<Rows>(answer)) {
        co_return refused(ended.error());
    }
    co_return answer;
}

asio::awaitable<Answer> Gateway::sessions(Caller caller, int limit, Place place)
{
    Look list{
        .caller = std::move(caller), .place = place, .limit = limit, .complete = page_statement};
    if (place.id) {
        list.ids.push_back(*place.id);
    }
    const auto seen = co_await look(std::move(list));
    if (const auto* refusal = std::get_if<Answer>(&seen)) {
        co_return *refusal;
    }
    Answer answer{.body = std::get<Rows>(seen).only().get<std::string>("body")};
    co_return answer;
}

asio::awaitable<std::variant<Gateway::Found, Answer>> Gateway::session(Caller caller,
                                                                       std::string id)
{
    Look find{.caller = std::move(caller), .ids = {std::move(id)}, .complete = detail_statement};
    const auto seen = co_await look(std::move(find));
    if (const auto* refusal = std::get_if<Answer>(&seen)) {
        co_return *refusal;
    }
    co_return std::get<Rows>(seen).only().get<Found>("body");
}

asio::awaitable<std::variant<Gateway::Found, Answer>> Gateway::timeline(Caller caller,
                                                                        std::string id)
{
    Look find{.caller = std::move(caller),
              .of_anything = true,
              .ids = {std::move(id)},
              .complete = timeline_statement};
    const auto seen = co_await look(std::move(find));
    if (const auto* refusal = std::get_if<Answer>(&seen)) {
        co_return *refusal;
    }
    co_return std::get<Rows>(seen).only().get<Found>("body");
}

asio::awaitable<std::variant<std::vector<std::string>, Answer>> Gateway::visible(
    Caller caller, std::vector<std::string> ids)
{
    Look find{.caller = std::move(caller), .ids = std::move(ids), .complete = ids_statement};
    const auto seen = co_await look(std::move(find));
    if (const auto* refusal = std::get_if<Answer>(&seen)) {
        co_return *refusal;
    }
    std::vector<std::string> found;
    if (const auto list = parse_json(std::get<Rows>(seen).only().get<std::string>("body"))) {
        for (const auto& id : *list) {
            found.push_back(id.asString());
        }
    }
    co_return found;
}

asio::awaitable<std::variant<bool, Answer>> Gateway::may_do_anything(Caller caller)
{
    auto borrowed = co_await borrow();
    if (const auto* refusal = std::get_if<Answer>(&borrowed)) {
        co_return *refusal;
    }
    auto& loan = std::get<Pool::Loan>(borrowed);
    std::vector<Parameter> parameters{caller.role};
    const auto found = co_await loan->query(roles_statement, std::move(parameters));
    loan.clean = true;
    if (auto refusal = objection(found, false, caller)) {
        co_return *std::move(refusal);
    }
    co_return found->only().get<bool>("anything");
}

asio::awaitable<Answer> Gateway::for_operator(Caller caller, Statement statement,
                                              std::vector<Parameter> parameters)
{
    auto allowed = co_await may_do_anything(std::move(caller));
    if (auto* refusal = std::get_if<Answer>(&allowed)) {
        co_return std::move(*refusal);
    }
    if (!std::get<bool>(allowed)) {
        co_return forbidden("Forbidden", "Only operators may do this.");
    }
    auto borrowed = co_await borrow();
    if (const auto* refusal = std::get_if<Answer>(&borrowed)) {
        co_return *refusal;
    }
    auto& loan = std::get<Pool::Loan>(borrowed);
    Asked asked{.caller = {.role = operators, .claims = "{}"},
                .of_anything = true,
                .statement = statement,
                .parameters = std::move(parameters),
                .checked = true};
    const auto asking = co_await transact(loan, std::move(asked));
    if (const auto* refusal = std::get_if<Answer>(&asking)) {
        co_return *refusal;
    }
    Answer answer{.body = std::get<Rows>(asking).only().get<std::string>("body")};
    co_return answer;
}

}  // namespace meetlink::web
