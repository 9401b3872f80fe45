#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "postgres/rows.hpp"
#include "token/store.hpp"

namespace meetlink {

/// A job taken for a bounded lease, with its session and connection as they were at that moment.
struct Claim {
    std::string session_id;
    std::int64_t claim_id = 0;  ///< fences every later write
    int attempt = 0;
    int generation = 0;
    bool outcome_unknown = false;  ///< an earlier create may have succeeded
    std::optional<std::string> owner_id;
    std::optional<std::string> provider;
    std::optional<std::string> title;
    std::optional<std::chrono::sys_seconds> starts_at;  ///< nothing also for infinity
    std::optional<std::chrono::sys_seconds> ends_at;
    /// Since it was flagged, by the database's clock when it was claimed.
    std::chrono::milliseconds age{};
    std::chrono::sys_seconds claimed_at{};  ///< the database's clock
    token::Stored connection;

    [[nodiscard]] static Claim read(const postgres::Row& row);
};

}  // namespace meetlink
