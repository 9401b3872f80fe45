#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "failure.hpp"
#include "http/message.hpp"

namespace meetlink::provider {

/// What a provider needs to know of a session to make its meeting.
struct MeetingRequest {
    std::string
        session_id;  ///< the user's key as text; goes into the meeting so that it can be found again
    std::string
        tenant;  ///< tells apart databases that share a provider account (part of ids and tags)
    std::string title;
    std::chrono::sys_seconds starts_at;
    std::chrono::sys_seconds ends_at;
    int generation = 0;  ///< raised when an earlier idempotency key is burnt (PROVIDERS.md 1.6)
    /// An earlier create may have succeeded: look first, never create blindly (DESIGN rule 5).
    bool may_exist = false;
    /// By the clock that the schedule was made with (the database's).
    std::chrono::sys_seconds now =
        std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
};

struct Meeting {
    std::string join_url;     ///< checked: https, on the provider's own domains
    std::string external_id;  ///< the provider's id of the meeting
    int generation = 0;       ///< the generation it was made with
    bool adopted = false;     ///< found, not created now
    /// Ids of other meetings of this session that were found: to be cancelled.
    std::vector<std::string> surplus = {};
};

/// Either a meeting, or a failure with the generation that the next attempt must use.
struct CreateOutcome {
    Result<Meeting> result;
    int generation = 0;
    http::Timings timings;  ///< of the last request
    int writes = 0;  ///< creates and updates sent: some providers count them (PROVIDERS.md 2.4)
};

/// A new grant from the token endpoint.
struct Tokens {
    Secret access_token;
    std::optional<Secret> refresh_token;  ///< absent: keep the stored one (PROVIDERS.md 1.1)
    std::chrono::seconds expires_in{};    ///< always positive; a default when the answer lacks it
    std::optional<std::chrono::seconds> refresh_expires_in;  ///< Google "testing" apps
    std::optional<Reason> foreseen;  ///< why no meeting can be made with them: a scope is missing
};

/// One meeting provider: stateless translation between meetlink's words and one provider's API
/// (PROVIDERS.md). Every call makes its HTTP requests through the http::Sender given at construction.
class Provider {
public:
    virtual ~Provider() = default;

    /// As in the sessions' provider column: "google_meet", "zoom".
    [[nodiscard]] virtual std::string_view name() const = 0;
    /// Client id and secret are configured.
    [[nodiscard]] virtual bool configured() const = 0;
    /// A used refresh token dies (PROVIDERS.md 2.1): a lost answer of refresh() is then an unknown outcome.
    [[nodiscard]] virtual bool rotates_refresh_tokens() const = 0;

    /// Makes the session's meeting, or finds the one that an earlier attempt made. A rejected access
    /// token comes back as a failure with `refresh_may_help`; the caller refreshes and calls again. `request`
    /// must live until the answer.
    [[nodiscard]] virtual boost::asio::awaitable<CreateOutcome> create(
        MeetingRequest&& request, const Secret& access_token) = 0;

    /// Exchanges the refresh token. `Failure::outcome_unknown`: the token may have been rotated.
    [[nodiscard]] virtual boost::asio::awaitable<Result<Tokens>> refresh(
        const Secret& refresh_token) = 0;

    /// Every meeting of the session, made by whichever attempt; of `request` only what identifies it and
    /// its start are used. An incomplete answer is a failure: "none" means that there is none.
    [[nodiscard]] virtual boost::asio::awaitable<Result<std::vector<Meeting>>> search(
        MeetingRequest request, const Secret& access_token) = 0;

    /// Gives a meeting of the session the times of `request`.
    [[nodiscard]] virtual boost::asio::awaitable<Result<std::monostate>> reschedule(
        MeetingRequest request, std::string external_id, const Secret& access_token) = 0;

    /// Removes a meeting; one that is already gone is a success.
    [[nodiscard]] virtual boost::asio::awaitable<Result<std::monostate>> cancel(
        std::string external_id, const Secret& access_token) = 0;
};

}  // namespace meetlink::provider
