#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "postgres/rows.hpp"
#include "token/connection_key.hpp"
#include "token/store.hpp"

namespace meetlink::orphan {

/// A meeting that no session wants, taken for a bounded lease (sql/61_orphan.sql).
struct Orphan {
    std::int64_t id = 0;
    std::int64_t fence = 0;
    std::string session_id;
    token::ConnectionKey key;
    std::optional<std::chrono::sys_seconds> starts_at;
    int generation = 0;
    std::optional<std::string> external_id;  ///< nothing: nobody knows whether there is a meeting
    std::chrono::sys_seconds claimed_at{};   ///< the database's clock
    token::Stored connection;

    [[nodiscard]] static Orphan read(const postgres::Row& row);
};

}  // namespace meetlink::orphan
