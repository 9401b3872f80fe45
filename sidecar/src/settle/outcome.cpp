#include "settle/outcome.hpp"

#include "base/json_writer.hpp"
#include "base/text.hpp"

namespace meetlink::settle {

namespace {

double milliseconds(std::chrono::microseconds time)
{
    return std::chrono::duration<double, std::milli>(time).count();
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
    json.member("adopted", meeting.adopted);
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
    json.member("generation", outcome.generation);
    json.member("writes", outcome.writes);
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
    json.member("outcome_unknown", outcome.outcome_unknown);
    json.member("attempt_ms", outcome.took.count());
    if (outcome.connection_print) {
        json.member("connection_print", *outcome.connection_print);
    }
    json.begin_object("timings");
    json.member("token_ms", outcome.token_took.count());
    if (outcome.timings.total.count() > 0) {
        json.member("dns_ms", milliseconds(outcome.timings.dns));
        json.member("connect_ms", milliseconds(outcome.timings.connect));
        json.member("tls_ms", milliseconds(outcome.timings.tls));
        json.member("first_byte_ms", milliseconds(outcome.timings.first_byte));
        json.member("http_ms", milliseconds(outcome.timings.total));
    }
    json.end_object();
    std::visit([&](const auto& result) { add(json, result); }, outcome.result);
    json.end_object();
}

}  // namespace meetlink::settle
