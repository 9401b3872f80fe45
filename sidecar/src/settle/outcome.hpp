#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "failure.hpp"
#include "http/message.hpp"
#include "provider/provider.hpp"

namespace meetlink {
class JsonWriter;
}

namespace meetlink::settle {

/// Given back untouched: due again, the attempt does not count.
struct Released {};

/// What became of one claim.
struct Outcome {
    std::string session_id;
    std::int64_t claim_id = 0;
    /// For a meeting that turns out to be wanted by nobody.
    std::string owner_id = {};
    std::string provider = {};
    /// The times that the meeting was made for. Without an end the link is written for any time.
    std::optional<std::chrono::sys_seconds> starts_at = {};
    std::optional<std::chrono::sys_seconds> ends_at = {};
    std::variant<Released, Failure, provider::Meeting> result;
    int generation = 0;  ///< for the next attempt
    bool outcome_unknown =
        false;  ///< a create without an answer may make a meeting beside `result`
    std::optional<std::int64_t> connection_print;
    int writes = 0;                          ///< creates and updates sent to the provider
    std::chrono::milliseconds took{};        ///< the whole attempt
    std::chrono::milliseconds token_took{};  ///< until there was an access token
    http::Timings timings{};                 ///< of the last request to the provider
    std::string note = {};                   ///< on a link: what else is to be known of it
};

/// As an element of meetlink.settle's `outcomes`.
void write(JsonWriter& json, const Outcome& outcome);

enum class Verdict {
    done,
    rejected,  ///< the application's table refuses the link
    lost,      ///< the claim was no longer ours, or the session needs no link any more
    moved,     ///< nothing yet: the session has got another time than the meeting
    unknown,   ///< the database could not be told; the lease will end
};

/// The database's answer for one outcome.
struct Settlement {
    Verdict verdict{};
    std::string detail = {};  ///< of `rejected`: what the table said
    /// Of `moved`: the session's times now.
    std::optional<std::chrono::sys_seconds> starts_at = {};
    std::optional<std::chrono::sys_seconds> ends_at = {};
};

}  // namespace meetlink::settle
