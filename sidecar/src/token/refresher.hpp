#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <map>
#include <string>

#include "postgres/session.hpp"
#include "token/keeper.hpp"

namespace meetlink::token {

/// Refreshes ahead of need, a few connections a turn: access tokens of owners with a session soon, and
/// refresh tokens that would die of idleness (sql/55_refresh_ahead.sql decides which).
class Refresher {
public:
    struct Options {
        std::chrono::milliseconds ahead{};       ///< of a session's start
        std::map<std::string, int> idle_days{};  ///< provider -> rest of a refresh token
    };

    Refresher(postgres::Session& session, Keeper& keeper, Options options);

    /// One bounded turn; what goes wrong has been logged.
    [[nodiscard]] boost::asio::awaitable<void> turn();
    void stop() { stopped_ = true; }

private:
    postgres::Session& session_;
    Keeper& keeper_;
    Options options_;
    bool stopped_ = false;
};

}  // namespace meetlink::token
