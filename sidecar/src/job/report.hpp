#pragma once

#include <exception>
#include <string>

#include "claimer/claim.hpp"
#include "failure.hpp"
#include "settle/outcome.hpp"

namespace meetlink::job {

/// One line of the log for what became of a claim.
void report(const Claim& claim, const settle::Outcome& outcome, settle::Verdict verdict);

/// The failure for an exception that nobody expected; logged, since it is a bug.
[[nodiscard]] Failure defect(const Claim& claim, const std::string& text);

/// Whether an exception is Asio's way to end a coroutine that was cancelled.
[[nodiscard]] bool interrupted(const std::exception_ptr& thrown);

}  // namespace meetlink::job
