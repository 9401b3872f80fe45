// Token bucket, circuit breaker, and who may start: with a clock of the test's own where time counts.
#include "limits/limits.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <list>

namespace meetlink::limits {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::steady_clock::time_point;

const Time start{1h};

TEST(TokenBucket, StartsFullAndRefillsAtItsRate)
{
    TokenBucket bucket{4, start};
    EXPECT_EQ(bucket.available(start), 4);
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(bucket.reserve(start), 0ns);
    }
    EXPECT_EQ(bucket.available(start), 0);
    EXPECT_EQ(bucket.next(start), start + 250ms);
    EXPECT_EQ(bucket.available(start + 500ms), 2);
    EXPECT_EQ(bucket.available(start + 1h), 4) << "never more than a second's worth";
}

TEST(TokenBucket, ReservationsAheadOfTimeAreSpacedEvenly)
{
    TokenBucket bucket{2, start};
    (void)bucket.reserve(start);
    (void)bucket.reserve(start);
    EXPECT_EQ(bucket.reserve(start), 500ms);
    EXPECT_EQ(bucket.reserve(start), 1000ms);
}

TEST(TokenBucket, ARateBelowOneStillLetsOneStart)
{
    TokenBucket bucket{0.1, start};
    EXPECT_EQ(bucket.reserve(start), 0ns);
    EXPECT_EQ(bucket.next(start), start + 10s);
}

constexpr CircuitBreaker::Settings quick{.threshold = 3, .first_wait = 2s, .longest_wait = 5s};

CircuitBreaker opened()
{
    CircuitBreaker breaker{quick};
    EXPECT_FALSE(breaker.failed(start));
    EXPECT_FALSE(breaker.failed(start));
    EXPECT_TRUE(breaker.failed(start));
    return breaker;
}

TEST(CircuitBreaker, OpensOnlyByFailuresInARow)
{
    CircuitBreaker breaker{quick};
    (void)breaker.failed(start);
    (void)breaker.failed(start);
    (void)breaker.succeeded();
    (void)breaker.failed(start);
    (void)breaker.failed(start);
    EXPECT_EQ(breaker.state(start), CircuitBreaker::State::closed);
    EXPECT_TRUE(breaker.failed(start));
    EXPECT_EQ(breaker.state(start), CircuitBreaker::State::open);
    EXPECT_FALSE(breaker.admit(start));
}

TEST(CircuitBreaker, HalfOpenAdmitsOneProbe)
{
    auto breaker = opened();
    EXPECT_EQ(breaker.state(start + 1999ms), CircuitBreaker::State::open);
    EXPECT_EQ(breaker.state(start + 2s), CircuitBreaker::State::half_open);
    EXPECT_TRUE(breaker.admit(start + 2s));
    EXPECT_FALSE(breaker.admit(start + 2s)) << "one probe at a time";
    EXPECT_TRUE(breaker.succeeded());
    EXPECT_TRUE(breaker.admit(start + 2s));
}

TEST(CircuitBreaker, AFailedProbeDoublesTheWaitUpToTheLongest)
{
    auto breaker = opened();
    auto now = start;
    for (const auto wait : {2s, 4s, 5s, 5s}) {
        EXPECT_EQ(breaker.probe_at(), now + wait);
        now += wait;
        ASSERT_TRUE(breaker.admit(now));
        EXPECT_TRUE(breaker.failed(now));
    }
}

TEST(CircuitBreaker, FailuresOfCallsFromBeforeItOpenedChangeNothing)
{
    auto breaker = opened();
    EXPECT_FALSE(breaker.failed(start + 1s));
    EXPECT_EQ(breaker.probe_at(), start + 2s);
}

TEST(CircuitBreaker, AProbeThatNeverReachedTheProviderIsRepeated)
{
    auto breaker = opened();
    ASSERT_TRUE(breaker.admit(start + 2s));
    breaker.abandoned();
    EXPECT_EQ(breaker.state(start + 2s), CircuitBreaker::State::half_open);
}

TEST(CircuitBreaker, OneRefusalOfTheApplicationOpensItForAll)
{
    CircuitBreaker breaker{quick};
    EXPECT_TRUE(breaker.failed(start, true)) << "every other call would be refused too";
    EXPECT_FALSE(breaker.admit(start));
    EXPECT_EQ(breaker.probe_at(), start + 2s);
    EXPECT_FALSE(breaker.failed(start + 1s, true)) << "a call from before it opened";
    ASSERT_TRUE(breaker.admit(start + 2s));
    EXPECT_TRUE(breaker.failed(start + 2s, true));
    EXPECT_EQ(breaker.probe_at(), start + 6s);
}

TEST(Reasons, OneRefusalIsEnoughWhenItIsTheApplicationThatIsRefused)
{
    EXPECT_TRUE(rejects_the_application(Reason::client_rejected));
    EXPECT_TRUE(rejects_the_application(Reason::api_disabled));
    EXPECT_FALSE(rejects_the_application(Reason::provider_unavailable)) << "one 5xx is no outage";
    EXPECT_FALSE(rejects_the_application(Reason::grant_revoked));
}

TEST(Reasons, OnlyWhatOtherCallsWouldShareOpensTheBreaker)
{
    EXPECT_TRUE(concerns_the_provider(Reason::network_error));
    EXPECT_TRUE(concerns_the_provider(Reason::client_rejected));
    EXPECT_FALSE(concerns_the_provider(Reason::grant_revoked));
    EXPECT_FALSE(concerns_the_provider(Reason::rate_limited));
}

class LimitsTest : public testing::Test {
protected:
    void enter(const std::string& owner)
    {
        boost::asio::co_spawn(
            loop_, limits_.enter({.owner_id = owner, .provider = "zoom"}),
            [this](const std::exception_ptr&, std::optional<Limits::Permit> permit) {
                ++answers_;
                if (permit) {
                    permits_.push_back(std::move(*permit));
                }
            });
    }
    void settle()
    {
        loop_.restart();
        loop_.poll();
    }

    boost::asio::io_context loop_;
    Limits limits_{loop_.get_executor(),
                   {{"zoom", {.max_per_connection = 2, .max_per_second = 1000, .max_stalled = 3}}},
                   quick};
    std::list<Limits::Permit> permits_;
    int answers_ = 0;
};

TEST_F(LimitsTest, AConnectionHasItsSlotsAndAnotherItsOwn)
{
    for (int i = 0; i < 3; ++i) {
        enter("ann");
    }
    enter("ben");
    settle();
    EXPECT_EQ(permits_.size(), 3u) << "two of ann's, one of ben's";
    EXPECT_EQ(limits_.skip(Limits::Clock::now()), std::vector<std::string>{"ann/zoom"});
    permits_.pop_front();
    settle();
    EXPECT_EQ(permits_.size(), 3u) << "the slot went to the one that waited";
    permits_.clear();
    EXPECT_TRUE(limits_.skip(Limits::Clock::now()).empty());
    EXPECT_TRUE(limits_.open_breakers(Limits::Clock::now()).empty()) << "a closed one is not told";
}

TEST_F(LimitsTest, AnOpenBreakerGivesJobsBackAndSkipsTheProvider)
{
    Failure failure;
    failure.reason = Reason::provider_unavailable;
    for (int i = 0; i < quick.threshold; ++i) {
        enter("owner" + std::to_string(i));
    }
    settle();
    for (auto& permit : permits_) {
        permit.failed(failure);
    }
    permits_.clear();
    enter("ann");
    settle();
    EXPECT_EQ(answers_, quick.threshold + 1);
    EXPECT_TRUE(permits_.empty());
    EXPECT_EQ(limits_.skip(Limits::Clock::now()), std::vector<std::string>{"/zoom"});
    EXPECT_LT(limits_.next_change(Limits::Clock::now()), Limits::Clock::now() + 3s);
    const auto open = limits_.open_breakers(Limits::Clock::now() + 10s);
    ASSERT_EQ(open.size(), 1u);
    EXPECT_EQ(open[0]["provider"], "zoom");
    EXPECT_EQ(open[0]["reason"], "provider_unavailable");
    EXPECT_GE(open[0]["open_s"].asInt(), 10);
    EXPECT_EQ(open[0]["retry_in_s"], 0) << "its probe may go out";
}

TEST_F(LimitsTest, OneConnectionAloneOpensNoBreaker)
{
    Failure failure;
    failure.reason = Reason::provider_timeout;
    const auto fail = [&](const std::string& owner) {
        enter(owner);
        settle();
        permits_.back().failed(failure);
        permits_.clear();
    };
    for (int i = 0; i < 10 * quick.threshold; ++i) {
        fail("ann");
    }
    EXPECT_TRUE(limits_.skip(Limits::Clock::now()).empty());
    for (int i = 1; i < quick.threshold; ++i) {
        fail("ben");
    }
    EXPECT_EQ(limits_.skip(Limits::Clock::now()), std::vector<std::string>{"/zoom"});
}

TEST_F(LimitsTest, WhatHasStalledIsCountedAndEnoughOfItSkipsTheProvider)
{
    const auto soon = Limits::Clock::now();
    const auto later = soon + 2 * stall_time;
    EXPECT_EQ(limits_.next_stall(soon), Limits::Clock::time_point::max());
    for (int i = 0; i < 3; ++i) {
        enter("ann");
    }
    enter("ben");
    settle();
    EXPECT_EQ(limits_.stalled(soon), 0u);
    EXPECT_LE(limits_.next_stall(soon), later);
    EXPECT_EQ(limits_.stalled(later), 4u) << "three calls, and one that waits for its turn";
    EXPECT_EQ(limits_.skip(soon), std::vector<std::string>{"ann/zoom"});
    EXPECT_EQ(limits_.skip(later), (std::vector<std::string>{"/zoom", "ann/zoom"}));
    limits_.close();
    settle();
    permits_.clear();
    EXPECT_EQ(limits_.stalled(later), 0u);
}

/// A breaker that waits for a probe as soon as it has opened.
class ProbeTest : public testing::Test {
protected:
    std::optional<Limits::Permit> enter(const std::string& owner)
    {
        std::optional<Limits::Permit> got;
        boost::asio::co_spawn(loop_, limits_.enter({.owner_id = owner, .provider = "zoom"}),
                              [&](const std::exception_ptr&, std::optional<Limits::Permit> permit) {
                                  if (permit) {
                                      got.emplace(std::move(*permit));
                                  }
                              });
        loop_.restart();
        loop_.poll();
        return got;
    }

    boost::asio::io_context loop_;
    Limits limits_{loop_.get_executor(),
                   {{"google_meet", {.max_per_connection = 1, .max_per_second = 1000}},
                    {"zoom", {.max_per_connection = 1, .max_per_second = 1000}}},
                   {.threshold = 3, .first_wait = 0s, .longest_wait = 0s}};
};

Failure rejected()
{
    Failure failure;
    failure.reason = Reason::client_rejected;
    return failure;
}

TEST_F(ProbeTest, OneJobAtATimeTriesAProviderThatRefusedTheApplication)
{
    enter("ann")->failed(rejected());
    EXPECT_EQ(limits_.skip_for_probe(Limits::Clock::now()),
              std::vector<std::string>{"/google_meet"});
    auto probe = enter("ann");
    ASSERT_TRUE(probe);
    EXPECT_FALSE(enter("ben"));
    EXPECT_FALSE(enter("ben")) << "a job that was turned away does not end the probe";
    probe->succeeded();
    EXPECT_TRUE(enter("ben"));
    EXPECT_EQ(limits_.skip_for_probe(Limits::Clock::now()), std::nullopt);
}

TEST_F(ProbeTest, WhoseProbeFailedIsToldUntilOneSucceeds)
{
    enter("ann")->failed(rejected());
    EXPECT_EQ(limits_.failed_probes(), std::vector<std::string>{"ann/zoom"});
    enter("ben")->succeeded();
    EXPECT_TRUE(limits_.failed_probes().empty());
    enter("ann")->failed(rejected());
    limits_.forget_failed_probes();
    EXPECT_TRUE(limits_.failed_probes().empty());
}

TEST_F(ProbeTest, AProbeThatEndsWithoutAskingIsFollowedByAnother)
{
    enter("ann")->failed(rejected());
    EXPECT_TRUE(enter("ann")) << "and given back unused";
    EXPECT_TRUE(enter("ben"));
}

TEST_F(ProbeTest, WhatConcernsOneTutorProvesThatTheProviderWorks)
{
    enter("ann")->failed(rejected());
    Failure own;
    own.reason = Reason::grant_revoked;
    enter("ben")->failed(own);
    auto first = enter("ann");
    EXPECT_TRUE(first && enter("ben")) << "closed";
}

TEST_F(LimitsTest, ClosingGivesBackWhatWaits)
{
    for (int i = 0; i < 3; ++i) {
        enter("ann");
    }
    settle();
    limits_.close();
    settle();
    EXPECT_EQ(answers_, 3);
    EXPECT_EQ(permits_.size(), 2u);
}

}  // namespace
}  // namespace meetlink::limits
