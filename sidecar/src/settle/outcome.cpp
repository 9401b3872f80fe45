#include "settle/outcome.hpp"

#include "base/json_writer.hpp"
#include "base/text.hpp"

namespace meetlink::settle {

namespace {

/// What is not there took no time.
void add_milliseconds(JsonWriter& json, std::string_view name, std::chrono::microseconds time)
{
    if (time.count() > 0) {
        json.member(name, std::chrono::duration<double, std::milli>(time).count());
    }
}

void add(JsonWriter& json, const Failure& failure)
{
    json.member("outcome", "failed");
    json.member("reason", code(failure.reason));
    json.member("stage", name(failure.stage));
    // jsonb takes no NUL and no broken UTF-8; one odd byte must not fail a whole batch
    json.member("detail", truncate_bytes(one_line(failure.detail), 500));
    if (failure.http_status > 0) {
        json.member("http_status", failure.http_status);
    }
    if (!failure.provider_code.empty()) {
        json.member("provider_code", truncate_bytes(one_line(failure.provider_code), 100));
    }
    if (failure.retry_after) {
        json.member("retry_after_s", failure.retry_after->count());
    }
}

void add(JsonWriter& json, const provider::Meeting& meeting)
{
    json.member("outcome", "linked");
    json.member("join_url", meeting.join_url);
    json.member("external_id", meeting.external_id);
    if (meeting.adopted) {
        json.member("adopted", true);
    }
    if (!meeting.surplus.empty()) {
        json.begin_array("surplus");
        for (const auto& other : meeting.surplus) {
            json.value(other);
        }
        json.end_array();
    }
}

void add(JsonWriter& json, const Released& /*untouched*/)
{
    json.member("outcome", "released");
}

}  // namespace

void write(JsonWriter& json, const Outcome& outcome)
{
    json.begin_object();
    json.member("session_id", outcome.session_id);
    json.member("claim_id", outcome.claim_id);
    if (outcome.generation != 0) {
        json.member("generation", outcome.generation);
    }
    if (outcome.writes != 1) {
        json.member("writes", outcome.writes);
    }
    if (!outcome.owner_id.empty()) {
        json.member("owner_id", outcome.owner_id);
        json.member("provider", outcome.provider);
    }
    if (outcome.starts_at) {
        json.member("starts_at", outcome.starts_at->time_since_epoch().count());
    }
    if (outcome.ends_at) {
        json.member("ends_at", outcome.ends_at->time_since_epoch().count());
    }
    if (!outcome.note.empty()) {
        json.member("detail", truncate_bytes(one_line(outcome.note), 500));
    }
    if (outcome.outcome_unknown) {
        json.member("outcome_unknown", true);
    }
    json.member("attempt_ms", outcome.took.count());
    if (outcome.connection_print) {
        json.member("connection_print", *outcome.connection_print);
    }
    json.begin_object("timings");
    add_milliseconds(json, "token_ms", outcome.token_took);
    add_milliseconds(json, "dns_ms", outcome.timings.dns);
    add_milliseconds(json, "connect_ms", outcome.timings.connect);
    add_milliseconds(json, "tls_ms", outcome.timings.tls);
    add_milliseconds(json, "first_byte_ms", outcome.timings.first_byte);
    add_milliseconds(json, "http_ms", outcome.timings.total);
    json.end_object();
    std::visit([&](const auto& result) { add(json, result); }, outcome.result);
    json.end_object();
}

}  // namespace meetlink::settle
