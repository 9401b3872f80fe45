// What a job decides by itself: what cannot be started, how long a claim is ours, how an outcome is told.
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "base/json_writer.hpp"
#include "claimer/lease.hpp"
#include "job/check.hpp"
#include "settle/outcome.hpp"

namespace meetlink {
namespace {

using namespace std::chrono_literals;

class NamedProvider final : public provider::Provider {
public:
    explicit NamedProvider(bool configured) : configured_(configured) {}
    std::string_view name() const override { return "zoom"; }
    bool configured() const override { return configured_; }
    bool rotates_refresh_tokens() const override { return true; }
    boost::asio::awaitable<provider::CreateOutcome> create(provider::MeetingRequest&&,
                                                           const Secret&) override
    {
        throw std::logic_error("not called");
        co_return provider::CreateOutcome{Failure{}, 0, {}, 0};
    }
    boost::asio::awaitable<Result<provider::Tokens>> refresh(const Secret&) override
    {
        throw std::logic_error("not called");
        co_return Failure{};
    }
    boost::asio::awaitable<Result<std::vector<provider::Meeting>>> search(provider::MeetingRequest,
                                                                          const Secret&) override
    {
        throw std::logic_error("not called");
        co_return Failure{};
    }
    boost::asio::awaitable<Result<std::monostate>> reschedule(provider::MeetingRequest, std::string,
                                                              const Secret&) override
    {
        throw std::logic_error("not called");
        co_return Failure{};
    }
    boost::asio::awaitable<Result<std::monostate>> cancel(std::string, const Secret&) override
    {
        throw std::logic_error("not called");
        co_return Failure{};
    }

private:
    bool configured_;
};

const std::chrono::sys_seconds now{1'800'000'000s};
const NamedProvider zoom{true};

Claim good()
{
    Claim claim;
    claim.session_id = "s";
    claim.owner_id = "ann";
    claim.provider = "zoom";
    claim.starts_at = now + 1h;
    claim.ends_at = now + 2h;
    claim.connection.found = true;
    claim.connection.usable = true;
    return claim;
}

std::string reason(const Claim& claim, const provider::Provider* provider = &zoom)
{
    const auto problem = job::cannot_start(claim, provider, now);
    return problem ? std::string{code(problem->reason)} : "none";
}

TEST(CannotStart, AGoodClaimStarts)
{
    EXPECT_EQ(reason(good()), "none");
}

TEST(CannotStart, EachBadClaimHasItsReason)
{
    const NamedProvider unconfigured{false};
    EXPECT_EQ(reason(good(), nullptr), "unknown_provider");
    EXPECT_EQ(reason(good(), &unconfigured), "provider_not_configured");

    auto claim = good();
    claim.starts_at.reset();
    EXPECT_EQ(reason(claim), "invalid_schedule");
    claim = good();
    claim.ends_at.reset();
    EXPECT_EQ(reason(claim), "invalid_schedule");
    claim = good();
    claim.ends_at = claim.starts_at;
    EXPECT_EQ(reason(claim), "invalid_schedule");
    claim = good();
    claim.starts_at = std::chrono::sys_seconds{std::chrono::seconds{9'000'000'000'000}};
    claim.ends_at = *claim.starts_at + 1h;
    EXPECT_EQ(reason(claim), "invalid_schedule") << "a year that RFC 3339 cannot write";

    claim = good();
    claim.starts_at = now - 2h;
    claim.ends_at = now;
    EXPECT_EQ(reason(claim), "session_over");
    claim.ends_at = now + 1s;
    EXPECT_EQ(reason(claim), "none") << "a session that runs still wants its link";

    claim = good();
    claim.owner_id.reset();
    EXPECT_EQ(reason(claim), "no_connection");
    claim = good();
    claim.connection.found = false;
    EXPECT_EQ(reason(claim), "no_connection");
    claim = good();
    claim.connection.usable = false;
    EXPECT_EQ(reason(claim), "connection_inactive");
}

TEST(Lease, HoldsUntilItsDeadlineAndNeverGetsShorter)
{
    const Lease::Clock::time_point start{1h};
    Lease lease{start + 30s};
    EXPECT_TRUE(lease.holds(start + 29s));
    EXPECT_FALSE(lease.holds(start + 30s));
    lease.extend(start + 40s);
    lease.extend(start + 35s);
    EXPECT_TRUE(lease.holds(start + 39s));
    lease.lose();
    EXPECT_FALSE(lease.holds(start));
}

TEST(Leases, ARenewalLosesWhatTheDatabaseDidNotName)
{
    const Lease::Clock::time_point start{1h};
    Leases leases;
    const auto kept = leases.add(1, start + 30s);
    const auto lost = leases.add(2, start + 30s);
    const auto asked = leases.ids();
    const auto taken_meanwhile = leases.add(3, start + 30s);
    EXPECT_EQ(leases.renewed(asked, {1}, start + 60s), 1u);
    EXPECT_TRUE(kept->holds(start + 59s));
    EXPECT_TRUE(lost->lost());
    EXPECT_TRUE(taken_meanwhile->holds(start + 29s));
    EXPECT_EQ(leases.expire(start + 45s), 1u) << "the one that was not asked for";
    EXPECT_TRUE(taken_meanwhile->lost());
}

TEST(Leases, ThoseThatSettleAreNotAtWork)
{
    Leases leases;
    const auto first = leases.add(1, Lease::Clock::now() + 30s);
    const auto second = leases.add(2, Lease::Clock::now() + 30s);
    leases.settle(1);
    EXPECT_EQ(leases.working(), 1u);
    EXPECT_EQ(leases.size(), 2u) << "it is still ours, and renewed";
    leases.remove(1);
    EXPECT_EQ(leases.working(), 1u);
    leases.remove(2);
    EXPECT_EQ(leases.working(), 0u);
}

Json::Value as_json(const settle::Outcome& outcome)
{
    JsonWriter json;
    write(json, outcome);
    return parse_json(json.take()).value();
}

TEST(Outcome, TellsALinkWithItsTimings)
{
    settle::Outcome outcome;
    outcome.session_id = "s\"1";
    outcome.claim_id = 9'007'199'254'740'993;  // more than a double holds
    outcome.result = provider::Meeting{"https://zoom.us/j/1", "1", 2, true};
    outcome.generation = 2;
    outcome.connection_print = -5;
    outcome.took = 12ms;
    outcome.timings.total = 3500us;
    const auto json = as_json(outcome);
    EXPECT_EQ(json["outcome"].asString(), "linked");
    EXPECT_EQ(json["session_id"].asString(), "s\"1");
    EXPECT_EQ(json["claim_id"].asInt64(), 9'007'199'254'740'993);
    EXPECT_EQ(json["join_url"].asString(), "https://zoom.us/j/1");
    EXPECT_TRUE(json["adopted"].asBool());
    EXPECT_EQ(json["connection_print"].asInt64(), -5);
    EXPECT_EQ(json["timings"]["http_ms"].asDouble(), 3.5);
    EXPECT_FALSE(json.isMember("reason"));
}

TEST(Outcome, LeavesOutWhatSaysNothing)
{
    settle::Outcome outcome;
    outcome.writes = 1;
    outcome.result = provider::Meeting{"https://zoom.us/j/1", "1", 0, false};
    auto json = as_json(outcome);
    for (const auto* name : {"writes", "generation", "outcome_unknown", "adopted", "surplus"}) {
        EXPECT_FALSE(json.isMember(name)) << name;
    }
    EXPECT_TRUE(json["timings"].empty());
    outcome.writes = 0;
    outcome.outcome_unknown = true;
    json = as_json(outcome);
    EXPECT_TRUE(json.isMember("writes")) << "that nothing was sent is news";
    EXPECT_TRUE(json["outcome_unknown"].asBool());
}

TEST(Outcome, TellsAFailureInOneLineOfValidText)
{
    settle::Outcome outcome;
    Failure failure;
    failure.reason = Reason::daily_limit;
    failure.stage = Stage::create;
    failure.detail = std::string{"a\0b\nc\xff", 6};
    failure.http_status = 429;
    failure.retry_after = 90s;
    outcome.result = failure;
    const auto json = as_json(outcome);
    EXPECT_EQ(json["outcome"].asString(), "failed");
    EXPECT_EQ(json["reason"].asString(), "daily_limit");
    EXPECT_EQ(json["stage"].asString(), "create");
    EXPECT_EQ(json["retry_after_s"].asInt64(), 90);
    EXPECT_EQ(json["detail"].asString().find('\0'), std::string::npos) << "jsonb takes no NUL";
    EXPECT_EQ(json["detail"].asString().find('\n'), std::string::npos);
    EXPECT_FALSE(json["timings"].isMember("http_ms")) << "no request was made";
}

}  // namespace
}  // namespace meetlink
