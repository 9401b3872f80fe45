#include "settle/outcome.hpp"

#include "base/text.hpp"

namespace meetlink::settle {

namespace {

Json::Value milliseconds(std::chrono::microseconds time)
{
    return std::chrono::duration<double, std::milli>(time).count();
}

void add(Json::Value& object, const Failure& failure)
{
    object["outcome"] = "failed";
    object["reason"] = std::string{code(failure.reason)};
    object["stage"] = std::string{name(failure.stage)};
    // jsonb takes no NUL and no broken UTF-8; one odd byte must not fail a whole batch
    object["detail"] = truncate_bytes(one_line(failure.detail), 500);
    if (failure.http_status > 0) {
        object["http_status"] = failure.http_status;
    }
    if (!failure.provider_code.empty()) {
        object["provider_code"] = truncate_bytes(one_line(failure.provider_code), 100);
    }
    if (failure.retry_after) {
        object["retry_after_s"] = Json::Int64{failure.retry_after->count()};
    }
}

void add(Json::Value& object, const provider::Meeting& meeting)
{
    object["outcome"] = "linked";
    object["join_url"] = meeting.join_url;
    object["external_id"] = meeting.external_id;
    object["adopted"] = meeting.adopted;
    for (const auto& other : meeting.surplus) {
        object["surplus"].append(other);
    }
}

void add(Json::Value& object, const Released& /*untouched*/)
{
    object["outcome"] = "released";
}

}  // namespace

Json::Value to_json(const Outcome& outcome)
{
    Json::Value object{Json::objectValue};
    object["session_id"] = outcome.session_id;
    object["claim_id"] = Json::Int64{outcome.claim_id};
    object["generation"] = outcome.generation;
    object["writes"] = outcome.writes;
    if (!outcome.owner_id.empty()) {
        object["owner_id"] = outcome.owner_id;
        object["provider"] = outcome.provider;
    }
    if (outcome.starts_at) {
        object["starts_at"] = Json::Int64{outcome.starts_at->time_since_epoch().count()};
    }
    if (outcome.ends_at) {
        object["ends_at"] = Json::Int64{outcome.ends_at->time_since_epoch().count()};
    }
    if (!outcome.note.empty()) {
        object["detail"] = truncate_bytes(one_line(outcome.note), 500);
    }
    object["outcome_unknown"] = outcome.outcome_unknown;
    object["attempt_ms"] = Json::Int64{outcome.took.count()};
    if (outcome.connection_print) {
        object["connection_print"] = Json::Int64{*outcome.connection_print};
    }
    auto& timings = object["timings"];
    timings["token_ms"] = Json::Int64{outcome.token_took.count()};
    if (outcome.timings.total.count() > 0) {
        timings["dns_ms"] = milliseconds(outcome.timings.dns);
        timings["connect_ms"] = milliseconds(outcome.timings.connect);
        timings["tls_ms"] = milliseconds(outcome.timings.tls);
        timings["first_byte_ms"] = milliseconds(outcome.timings.first_byte);
        timings["http_ms"] = milliseconds(outcome.timings.total);
    }
    std::visit([&](const auto& result) { add(object, result); }, outcome.result);
    return object;
}

}  // namespace meetlink::settle
