#include "orphan/orphan.hpp"

#include "token/database_store.hpp"

namespace meetlink::orphan {

Orphan Orphan::read(const postgres::Row& row)
{
    return {.id = row.get<std::int64_t>("orphan_id"),
            .fence = row.get<std::int64_t>("fence"),
            .session_id = row.get<std::string>("session_id"),
            .key = {.owner_id = row.get<std::string>("owner_id"),
                    .provider = row.get<std::string>("provider")},
            .starts_at = row.get<std::optional<std::chrono::sys_seconds>>("starts_at"),
            .generation = row.get<int>("generation"),
            .external_id = row.get<std::optional<std::string>>("external_id"),
            .claimed_at = row.get<std::chrono::sys_seconds>("claimed_at"),
            .connection = token::read_stored(row, row.get<bool>("connection_found"))};
}

}  // namespace meetlink::orphan
