#include "job/report.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "log/log.hpp"

namespace meetlink::job {

namespace {

void log_result(const Claim& claim, const settle::Outcome& outcome,
                const provider::Meeting& meeting, settle::Verdict verdict)
{
    if (verdict == settle::Verdict::done) {
        log::info("link_created", meeting.adopted ? "meeting found again" : "meeting created",
                  {{"session", claim.session_id},
                   {"provider", *claim.provider},
                   {"meeting", meeting.external_id},
                   {"ms", outcome.took},
                   {"token_ms", outcome.token_took},
                   {"http_ms", outcome.timings.total}});
    } else {
        log::warning("link_not_stored",
                     "a meeting was made, but the session wants no link any more "
                     "or the claim was lost: it is cancelled unless the session uses it",
                     {{"session", claim.session_id},
                      {"provider", *claim.provider},
                      {"meeting", meeting.external_id},
                      {"claim", claim.claim_id}});
    }
}

void log_result(const Claim& claim, const settle::Outcome& outcome, const Failure& failure,
                settle::Verdict /*verdict*/)
{
    log::warning("attempt_failed", "no meeting link",
                 {{"session", claim.session_id},
                  {"provider", claim.provider.value_or("")},
                  {"reason", code(failure.reason)},
                  {"stage", name(failure.stage)},
                  {"http_status", failure.http_status},
                  {"provider_code", failure.provider_code},
                  {"detail", failure.detail},
                  {"attempt", claim.attempt},
                  {"ms", outcome.took},
                  {"dns_ms", outcome.timings.dns},
                  {"connect_ms", outcome.timings.connect},
                  {"tls_ms", outcome.timings.tls},
                  {"http_ms", outcome.timings.total}});
}

void log_result(const Claim& claim, const settle::Outcome& /*outcome*/,
                const settle::Released& /*untouched*/, settle::Verdict verdict)
{
    if (verdict == settle::Verdict::done) {
        log::debug("job_released", "gave a job back", {{"session", claim.session_id}});
    } else {
        log::warning("claim_lost", "lost a claim before its meeting was made",
                     {{"session", claim.session_id}, {"claim", claim.claim_id}});
    }
}

}  // namespace

void report(const Claim& claim, const settle::Outcome& outcome, settle::Verdict verdict)
{
    std::visit([&](const auto& result) { log_result(claim, outcome, result, verdict); },
               outcome.result);
}

Failure defect(const Claim& claim, const std::string& text)
{
    log::error("internal_defect", "a job ended by an unexpected exception",
               {{"session", claim.session_id}, {"error", text}});
    Failure failure;
    failure.reason = Reason::internal_defect;
    failure.stage = Stage::claim;
    failure.detail = "unexpected: " + text;
    return failure;
}

bool interrupted(const std::exception_ptr& thrown)
{
    try {
        std::rethrow_exception(thrown);
    } catch (const boost::system::system_error& error) {
        return error.code() == boost::asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

}  // namespace meetlink::job
