#include "claimer/claim.hpp"

#include "token/database_store.hpp"

namespace meetlink {

Claim Claim::read(const postgres::Row& row)
{
    using Text = std::optional<std::string>;
    using Time = std::optional<std::chrono::sys_seconds>;
    return {.session_id = row.get<std::string>("session_id"),
            .claim_id = row.get<std::int64_t>("claim_id"),
            .attempt = row.get<int>("attempt"),
            .generation = row.get<int>("generation"),
            .outcome_unknown = row.get<bool>("outcome_unknown"),
            .owner_id = row.get<Text>("owner_id"),
            .provider = row.get<Text>("provider"),
            .title = row.get<Text>("title"),
            .starts_at = row.get<Time>("starts_at"),
            .ends_at = row.get<Time>("ends_at"),
            .age = std::chrono::milliseconds{row.get<std::int64_t>("age_ms")},
            .claimed_at = row.get<std::chrono::sys_seconds>("claimed_at"),
            .connection = token::read_stored(row, row.get<bool>("connection_found"))};
}

}  // namespace meetlink
