#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "claimer/claim.hpp"
#include "settle/outcome.hpp"

namespace meetlink::metrics {

/// Jobs in the database, by state and reason.
struct JobCount {
    std::string state;
    std::string reason;  ///< empty: none yet
    std::int64_t jobs = 0;
};

/// What is looked up at the moment of a scrape.
struct Now {
    /// Null: the database could not be asked, and the family is left out.
    const std::vector<JobCount>* jobs = nullptr;
    std::size_t in_flight = 0;
    std::uint64_t notifications = 0;
    std::uint64_t polls_that_found_work = 0;
};

/// What the daemon counts for Prometheus (README "Metrics"): names begin with meetlink_, times are in
/// seconds, counters end in _total.
class Metrics {
public:
    Metrics();

    /// A claim came to its end.
    void attempt(const Claim& claim, const settle::Outcome& outcome, settle::Verdict verdict);
    /// A refresh of an access token came to its end; `outcome` is "refreshed" or a reason's code.
    void refresh(std::string_view provider, std::string_view outcome);

    /// Prometheus's text format.
    [[nodiscard]] std::string render(const Now& now) const;

private:
    prometheus::Registry registry_;
    prometheus::Family<prometheus::Counter>& attempts_;
    prometheus::Family<prometheus::Counter>& refreshes_;
    prometheus::Family<prometheus::Histogram>& provider_seconds_;
    prometheus::Family<prometheus::Histogram>& link_seconds_;
};

}  // namespace meetlink::metrics
