#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace meetlink::postgres {

/// Keywords and values for PQconnectStartParams; a value may hold a password.
using Keywords = std::vector<std::pair<std::string, std::string>>;

/// How to reach the database.
struct Conninfo {
    std::string text;              ///< libpq connection string or URI; empty: libpq's environment
    std::string application_name;  ///< shown in pg_stat_activity, unless `text` names another
};

/// One set of keywords per server that the string names (host1,host2: libpq's own connect_timeout does
/// not work without blocking, so each server gets its own), with our defaults where neither string
/// nor environment says otherwise: connect_timeout 10 s, keepalives after 10 s, a
/// tcp_user_timeout of 20 s. An error is libpq's sentence about the string.
[[nodiscard]] std::variant<std::vector<Keywords>, std::string> servers(const Conninfo& conninfo);

/// What an administrator may see of it: "host=db1,db2 port=5432 dbname=app user=meetlinkd".
[[nodiscard]] std::string describe(const Conninfo& conninfo);

}  // namespace meetlink::postgres
