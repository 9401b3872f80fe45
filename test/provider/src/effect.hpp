#pragma once

#include <json/value.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "message.hpp"
#include "operation.hpp"

namespace meetlink::standin {

/// What is changed in an answer that the provider made itself.
enum class Twist : std::uint8_t {
    none,
    without_link,
    foreign_link,
    javascript_link,
    http_link,
    not_json,
    empty,
    big,
    cut_json,
    utf16,
    empty_page,
};

/// How an answer reaches the client.
enum class Delivery : std::uint8_t {
    whole,
    cut,     ///< the connection
    abort,   ///< this request: over HTTP/2 its stream is reset
    refuse,  ///< the same, as one that was not processed
    hang,
    truncated,
    drip,
    last,  ///< whole, and the connection takes no more requests
};

/// How the conference of a new Google event turns out: `answers` answers say pending, then the fate.
struct ConferenceScript {
    int pending_answers = 0;
    ConferenceFate fate = ConferenceFate::success;
};

enum class RetryAfterForm : std::uint8_t { delta_seconds, http_date, iso };

/// The consequence of a fault rule. Made once, shared by every request that it hits.
struct Effect {
    std::string name;
    std::chrono::milliseconds delay{};         ///< before acting
    std::chrono::milliseconds answer_delay{};  ///< after acting, before answering
    bool hold_before = false;                  ///< wait for a release before acting
    bool hold_after = false;                   ///< wait for a release after acting
    bool act = true;
    bool reset = false;  ///< cut with a TCP reset instead of a clean close
    Delivery delivery = Delivery::whole;
    Twist twist = Twist::none;
    std::string error;             ///< answer with this named error instead
    std::optional<Answer> answer;  ///< answer with this instead
    std::size_t body_size = 0;     ///< Twist::big
    std::size_t drip_bytes = 0;
    std::chrono::milliseconds drip_interval{};
    ConferenceScript conference;
    std::optional<seconds> retry_after;
    RetryAfterForm retry_after_form = RetryAfterForm::delta_seconds;
    std::vector<std::pair<std::string, std::string>> headers;  ///< added to whatever is answered
};

/// Reads `effect` and its parameters out of a rule (README.md, "Faults"); throws BadInput.
[[nodiscard]] Effect parse_effect(const Json::Value& rule);
/// The effects that are not named errors.
[[nodiscard]] std::vector<std::string_view> effect_names();

/// What is sent: the provider's own answer with the effect's changes, or the scripted one.
[[nodiscard]] Answer apply(const Effect& effect, ProviderKind provider, Answer real, Time now);

}  // namespace meetlink::standin
