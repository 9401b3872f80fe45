#include "daemon/setup.hpp"

#include <algorithm>
#include <array>

#include "log/log.hpp"
#include "version.hpp"

namespace meetlink::daemon {

namespace asio = boost::asio;
using postgres::Error;
using postgres::Statement;

namespace {

constexpr int oldest_server = 150000;

constexpr Statement facts_statement{
    "setup_facts",
    "select current_user::text as role, current_database()::text as database, "
    "pg_is_in_recovery() as standby, "
    "(select extversion from pg_extension where extname = 'meetlink') as extension, "
    "coalesce((select pg_has_role(oid, 'usage') from pg_roles where rolname = 'meetlink_sidecar'), "
    "false) as entitled"};

constexpr Statement gateway_statement{
    "gateway_facts",
    "select current_user::text as role, "
    "coalesce((select pg_has_role(oid, 'usage') from pg_roles where rolname = 'meetlink_gateway'), "
    "false) as entitled"};

/// Raises ML001 or ML003 with the remedy.
constexpr Statement attachment_statement{"setup_attachment",
                                         "select 1 from meetlink.require_attachment()"};

constexpr Statement register_statement{
    "register_daemon",
    "select daemon_id, released, tenant from meetlink.register_daemon($1, $2, $3)"};

constexpr Statement unregister_statement{"unregister_daemon",
                                         "select meetlink.unregister_daemon($1)"};

Error problem(std::string message, std::string hint)
{
    Error error;
    error.message = std::move(message);
    error.hint = std::move(hint);
    return error;
}

}  // namespace

asio::awaitable<std::vector<Error>> find_problems(postgres::Connection& connection)
{
    std::vector<Error> problems;
    if (connection.server_version() < oldest_server) {
        problems.push_back(problem(
            "the server is PostgreSQL " + std::to_string(connection.server_version() / 10000),
            "meetlink needs PostgreSQL 15 or later."));
    }
    const auto facts = co_await connection.query(facts_statement);
    if (!facts) {
        problems.push_back(facts.error());
        co_return problems;
    }
    const auto row = facts->only();
    const auto database = row.get<std::string>("database");
    const auto role = row.get<std::string>("role");
    const auto extension = row.get<std::optional<std::string>>("extension");
    if (row.get<bool>("standby")) {
        problems.push_back(problem(
            "the server is a standby, which cannot be written to",
            "Name all servers in database.conninfo, with target_session_attrs=read-write."));
    }
    if (!extension) {
        problems.push_back(
            problem("the extension meetlink is not installed in database \"" + database + "\"",
                    "As a superuser, in that database: CREATE EXTENSION meetlink;"));
        co_return problems;
    }
    if (*extension != version) {
        problems.push_back(problem(
            "the extension's version is " + *extension + ", this is meetlinkd " +
                std::string{version},
            "Install the same version of both; then: ALTER EXTENSION meetlink UPDATE; and, as the "
            "owner of the tables: SELECT meetlink.attach()"));
    }
    if (!row.get<bool>("entitled")) {
        problems.push_back(
            problem("role \"" + role + "\" has not the rights of meetlink_sidecar",
                    "GRANT meetlink_sidecar TO \"" + role + "\"; (the role must have INHERIT)"));
        co_return problems;
    }
    const auto attachment = co_await connection.query(attachment_statement);
    if (!attachment) {
        problems.push_back(attachment.error());
    }
    co_return problems;
}

asio::awaitable<std::optional<Error>> find_gateway_problem(asio::any_io_executor executor,
                                                           postgres::Conninfo conninfo)
{
    auto opened = co_await postgres::Connection::open(executor, std::move(conninfo));
    if (!opened) {
        co_return opened.error();
    }
    const auto facts = co_await (*opened)->query(gateway_statement);
    (*opened)->close("the check is over");
    if (!facts) {
        co_return facts.error();
    }
    const auto row = facts->only();
    if (row.get<bool>("entitled")) {
        co_return std::nullopt;
    }
    const auto role = row.get<std::string>("role");
    co_return problem(
        "HTTP callers will get 503: role \"" + role +
            "\" of http.conninfo is not a member of meetlink_gateway",
        "Name a login of its own in http.conninfo: CREATE ROLE meetlink_http LOGIN PASSWORD '...' "
        "IN ROLE meetlink_gateway; or turn the HTTP server off: http.listen = \"\"");
}

asio::awaitable<std::optional<Error>> register_daemon(postgres::Connection& connection,
                                                      std::string name,
                                                      std::vector<std::string> providers,
                                                      Registration& registration)
{
    std::vector<postgres::Parameter> parameters{name, std::string{version},
                                                postgres::array_literal(providers)};
    const auto answer = co_await connection.query(register_statement, std::move(parameters));
    if (!answer) {
        co_return answer.error();
    }
    const auto row = answer->only();
    registration.daemon_id = row.get<std::int64_t>("daemon_id");
    registration.tenant = row.get<std::string>("tenant");
    log::info("registered", "registered in the database",
              {{"daemon", name},
               {"daemon_id", registration.daemon_id},
               {"released", row.get<int>("released")}});
    co_return std::nullopt;
}

asio::awaitable<void> unregister(postgres::Session& session, const Registration& registration)
{
    if (registration.daemon_id == 0) {
        co_return;
    }
    std::vector<postgres::Parameter> parameters{std::to_string(registration.daemon_id)};
    const auto answer = co_await session.query(unregister_statement, std::move(parameters));
    if (!answer) {
        log::warning("unregister_failed",
                     "could not tell the database of the end; it notices within 30 s",
                     {{"error", answer.error().describe()}});
    }
}

bool may_pass(const Error& error)
{
    if (!error.connection_lost) {
        return false;
    }
    // libpq has no SQLSTATE for a refused connection: only the server's words, when it spoke
    static constexpr std::array<std::string_view, 6> passing{
        "starting up", "shutting down",        "recovery",
        "too many",    "connection slots are", "not yet accepting connections"};
    return error.message.find("FATAL:") == std::string::npos ||
           std::any_of(passing.begin(), passing.end(), [&](const auto& words) {
               return error.message.find(words) != std::string::npos;
           });
}

}  // namespace meetlink::daemon
