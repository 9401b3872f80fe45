#include "metrics/metrics.hpp"

#include <prometheus/text_serializer.h>

#include "version.hpp"

namespace meetlink::metrics {

namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

/// One request to a provider.
const prometheus::Histogram::BucketBoundaries request_buckets{0.05, 0.1, 0.2, 0.4, 0.8, 1.5,
                                                              3,    5,   10,  15,  30};

/// From the booking to the link: usually a second, and days when a tutor has to reconnect.
const prometheus::Histogram::BucketBoundaries link_buckets{
    0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 14'400, 86'400, 604'800};

template <typename Duration>
double seconds(Duration duration)
{
    return std::chrono::duration<double>(duration).count();
}

/// Nobody's words become a label: a session's provider is whatever its row says.
std::string known_provider(std::string_view name)
{
    return name == "google_meet" || name == "zoom" ? std::string{name} : "unknown";
}

struct Ending {
    std::string outcome;
    std::string reason;
};

Ending ending(const settle::Outcome& outcome, settle::Verdict verdict)
{
    if (const auto* failure = std::get_if<Failure>(&outcome.result)) {
        return {"failed", std::string{code(failure->reason)}};
    }
    if (const auto* meeting = std::get_if<provider::Meeting>(&outcome.result)) {
        return {verdict != settle::Verdict::done ? "lost"
                : meeting->adopted               ? "adopted"
                                                 : "linked",
                ""};
    }
    return {verdict == settle::Verdict::done ? "released" : "lost", ""};
}

MetricFamily family(std::string name, std::string help, MetricType type)
{
    MetricFamily made;
    made.name = std::move(name);
    made.help = std::move(help);
    made.type = type;
    return made;
}

void add(MetricFamily& to, double value, std::vector<prometheus::ClientMetric::Label> labels = {})
{
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    (to.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    to.metric.push_back(std::move(metric));
}

}  // namespace

Metrics::Metrics()
    : attempts_(prometheus::BuildCounter()
                    .Name("meetlink_attempts_total")
                    .Help("Attempts to make a meeting link that ended, by outcome and reason.")
                    .Register(registry_)),
      refreshes_(prometheus::BuildCounter()
                     .Name("meetlink_token_refreshes_total")
                     .Help("Refreshes of access tokens: refreshed, or the reason why not.")
                     .Register(registry_)),
      provider_seconds_(prometheus::BuildHistogram()
                            .Name("meetlink_provider_request_seconds")
                            .Help("Last request of each attempt to the provider.")
                            .Register(registry_)),
      link_seconds_(prometheus::BuildHistogram()
                        .Name("meetlink_link_seconds")
                        .Help("From the moment a session was flagged until its link was stored.")
                        .Register(registry_))
{
}

void Metrics::attempt(const Claim& claim, const settle::Outcome& outcome, settle::Verdict verdict)
{
    const auto provider = known_provider(claim.provider.value_or(""));
    const auto [what, reason] = ending(outcome, verdict);
    attempts_.Add({{"provider", provider}, {"outcome", what}, {"reason", reason}}).Increment();
    if (outcome.timings.total.count() > 0) {
        provider_seconds_.Add({{"provider", provider}}, request_buckets)
            .Observe(seconds(outcome.timings.total));
    }
    if (what == "linked" || what == "adopted") {
        link_seconds_.Add({{"provider", provider}}, link_buckets)
            .Observe(seconds(claim.age + outcome.took));
    }
}

void Metrics::refresh(std::string_view provider, std::string_view outcome)
{
    refreshes_.Add({{"provider", known_provider(provider)}, {"outcome", std::string{outcome}}})
        .Increment();
}

std::string Metrics::render(const Now& now) const
{
    auto families = registry_.Collect();

    auto build =
        family("meetlink_build_info", "Version and revision of this daemon.", MetricType::Gauge);
    add(build, 1, {{"version", std::string{version}}, {"revision", std::string{revision}}});
    families.push_back(std::move(build));

    if (now.jobs != nullptr) {
        auto jobs = family("meetlink_jobs", "Sessions without a link, by state and reason.",
                           MetricType::Gauge);
        for (const auto& one : *now.jobs) {
            add(jobs, static_cast<double>(one.jobs),
                {{"state", one.state}, {"reason", one.reason}});
        }
        families.push_back(std::move(jobs));
    }
    auto up = family("meetlink_database_up", "Whether the database answered this scrape.",
                     MetricType::Gauge);
    add(up, now.jobs != nullptr ? 1 : 0);
    families.push_back(std::move(up));

    auto flight =
        family("meetlink_in_flight", "Sessions this daemon is working on.", MetricType::Gauge);
    add(flight, static_cast<double>(now.in_flight));
    families.push_back(std::move(flight));

    auto notifications = family("meetlink_notifications_total",
                                "Notifications received (the doorbell).", MetricType::Counter);
    add(notifications, static_cast<double>(now.notifications));
    families.push_back(std::move(notifications));

    auto polls = family("meetlink_polls_with_work_total",
                        "Polls that found sessions due, their time having come or unannounced.",
                        MetricType::Counter);
    add(polls, static_cast<double>(now.polls_that_found_work));
    families.push_back(std::move(polls));

    return prometheus::TextSerializer{}.Serialize(families);
}

}  // namespace meetlink::metrics
