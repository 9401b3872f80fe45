#include "job/check.hpp"

#include "base/time.hpp"

namespace meetlink::job {

namespace {

/// As far as RFC 3339 can write.
constexpr std::chrono::sys_seconds earliest = std::chrono::sys_days{std::chrono::year{1} / 1 / 1};
constexpr std::chrono::sys_seconds latest = std::chrono::sys_days{std::chrono::year{9999} / 1 / 1};

Failure refused(Reason reason, std::string detail)
{
    Failure failure;
    failure.reason = reason;
    failure.stage = Stage::claim;
    failure.detail = std::move(detail);
    return failure;
}

bool writable(std::chrono::sys_seconds time)
{
    return time >= earliest && time < latest;
}

}  // namespace

std::optional<Failure> cannot_start(const Claim& claim, const provider::Provider* provider,
                                    std::chrono::system_clock::time_point now)
{
    if (provider == nullptr) {
        return refused(Reason::unknown_provider,
                       claim.provider ? "the session's provider is " + *claim.provider
                                      : "the session has no provider");
    }
    if (!provider->configured()) {
        return refused(Reason::provider_not_configured,
                       "client_id or client_secret is not set for " + *claim.provider);
    }
    if (!claim.starts_at || !claim.ends_at) {
        return refused(Reason::invalid_schedule,
                       claim.starts_at ? "the session has no end" : "the session has no start");
    }
    if (!writable(*claim.starts_at) || !writable(*claim.ends_at)) {
        return refused(Reason::invalid_schedule, "the session lies outside the years 1 to 9998");
    }
    if (*claim.ends_at <= *claim.starts_at) {
        return refused(Reason::invalid_schedule, "the session ends at " + rfc3339(*claim.ends_at) +
                                                     ", not after its start at " +
                                                     rfc3339(*claim.starts_at));
    }
    if (*claim.ends_at <= now) {
        return refused(Reason::session_over, "the session ended at " + rfc3339(*claim.ends_at));
    }
    if (!claim.owner_id || !claim.connection.found) {
        return refused(Reason::no_connection,
                       claim.owner_id ? "the owner has no connection for " + *claim.provider
                                      : "the session has no owner");
    }
    if (!claim.connection.usable) {
        return refused(Reason::connection_inactive, "the connection is not active and connected");
    }
    return std::nullopt;
}

}  // namespace meetlink::job
