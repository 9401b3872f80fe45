#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace meetlink {

/// What went wrong, as a code of the table meetlink.reason (sql/10_reason.sql), which alone says what
/// follows: who acts, whether and when it is tried again. The order is that of the table.
enum class Reason {
    no_connection,
    connection_inactive,
    token_missing,
    grant_revoked,
    grant_response_lost,
    reauth_policy,
    token_rejected,
    scope_missing,
    account_gone,
    meet_unavailable,
    calendar_forbidden,
    hosting_not_allowed,
    plan_required,
    blocked_by_admin,
    client_rejected,
    app_scope_missing,
    api_disabled,
    provider_not_configured,
    no_daemon,
    unknown_provider,
    token_undecryptable,
    token_malformed,
    invalid_schedule,
    quota_exceeded,
    request_rejected,
    link_missing,
    link_rejected,
    answer_unreadable,
    wrong_meeting,
    meeting_vanished,
    conference_pending,
    rate_limited,
    daily_limit,
    provider_unavailable,
    provider_timeout,
    network_error,
    refresh_busy,
    daemon_lost,
    write_rejected,
    internal_defect,
    session_over,
};

inline constexpr std::array<std::string_view, 41> reason_codes{
    "no_connection",       "connection_inactive",
    "token_missing",       "grant_revoked",
    "grant_response_lost", "reauth_policy",
    "token_rejected",      "scope_missing",
    "account_gone",        "meet_unavailable",
    "calendar_forbidden",  "hosting_not_allowed",
    "plan_required",       "blocked_by_admin",
    "client_rejected",     "app_scope_missing",
    "api_disabled",        "provider_not_configured",
    "no_daemon",           "unknown_provider",
    "token_undecryptable", "token_malformed",
    "invalid_schedule",    "quota_exceeded",
    "request_rejected",    "link_missing",
    "link_rejected",       "answer_unreadable",
    "wrong_meeting",       "meeting_vanished",
    "conference_pending",  "rate_limited",
    "daily_limit",         "provider_unavailable",
    "provider_timeout",    "network_error",
    "refresh_busy",        "daemon_lost",
    "write_rejected",      "internal_defect",
    "session_over",
};
static_assert(reason_codes.size() == static_cast<std::size_t>(Reason::session_over) + 1);

[[nodiscard]] constexpr std::string_view code(Reason reason)
{
    return reason_codes[static_cast<std::size_t>(reason)];
}

}  // namespace meetlink
