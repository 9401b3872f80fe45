// Token decisions against a database and a provider of the test's own: who refreshes, what is used,
// what is stored, and when a grant is dead.
#include "token/keeper.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>

namespace meetlink::token {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

const ConnectionKey ann{.owner_id = "ann", .provider = "zoom"};
const Cipher cipher{Secret{"key"}};

/// A connection's row, and the refresh lease.
class FakeStore final : public Store {
public:
    Stored row{
        .found = true, .usable = true, .access = {}, .refresh = {}, .expires_at = {}, .print = 1};
    int busy = 0;            ///< so many times somebody else holds the lease
    int store_failures = 0;  ///< so many times storing fails
    bool response_lost = false;
    std::function<void()> on_begin;
    std::function<void()> before_store;
    std::vector<std::string> calls;

    void put(const std::string& access, const std::string& refresh,
             std::chrono::seconds expires_in = 1h)
    {
        row.access = cipher.encrypt(Secret{access}, Format::aes_256_cbc, "");
        row.refresh = cipher.encrypt(Secret{refresh}, Format::aes_256_cbc, "");
        row.expires_at =
            std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + expires_in;
        row.print = *row.print + 1;
    }

    asio::awaitable<postgres::Expected<RefreshLease>> begin_refresh(
        ConnectionKey, std::chrono::milliseconds) override
    {
        calls.push_back("begin");
        if (on_begin) {
            on_begin();
        }
        const bool granted = busy == 0;
        busy -= granted ? 0 : 1;
        RefreshLease lease;
        lease.granted = granted;
        lease.fence = 7;
        lease.stored = row;
        lease.response_lost = response_lost;
        co_return lease;
    }
    asio::awaitable<postgres::Expected<Written>> store_tokens(ConnectionKey, std::int64_t,
                                                              Stored was, NewTokens tokens) override
    {
        calls.push_back("store");
        if (before_store) {
            before_store();
        }
        if (store_failures > 0) {
            --store_failures;
            postgres::Error error;
            error.message = "disk full";
            co_return error;
        }
        Written written;
        written.stored = was.same_tokens(row);
        if (written.stored) {
            row.access = tokens.access;
            row.refresh = tokens.refresh;
            row.expires_at = std::chrono::floor<std::chrono::seconds>(
                std::chrono::system_clock::now() + tokens.expires_in);
            row.print = *row.print + 1;
        }
        written.now = row;
        co_return written;
    }
    asio::awaitable<std::optional<postgres::Error>> end_refresh(
        ConnectionKey, std::int64_t, std::optional<Failure> failure) override
    {
        calls.push_back(failure ? "end " + std::string{code(failure->reason)} : "end");
        if (failure && failure->outcome_unknown) {
            calls.back() += ", answer lost";
        }
        co_return std::nullopt;
    }
    asio::awaitable<postgres::Expected<bool>> replace_ciphertext(
        ConnectionKey, std::int64_t, Stored, std::optional<std::string>,
        std::optional<std::string>) override
    {
        throw std::logic_error("not called");
        co_return false;
    }
    asio::awaitable<postgres::Expected<bool>> disconnect(ConnectionKey, std::int64_t, Stored was,
                                                         Failure failure) override
    {
        calls.push_back("disconnect " + std::string{code(failure.reason)});
        if (before_disconnect) {
            std::exchange(before_disconnect, nullptr)();
        }
        const bool same = was.same_tokens(row);
        row.usable = row.usable && !same;
        co_return same;
    }
    std::function<void()> before_disconnect;
};

class FakeProvider final : public provider::Provider {
public:
    bool rotates = true;
    std::deque<Result<provider::Tokens>> answers;
    std::vector<std::string> sent;

    std::string_view name() const override { return "zoom"; }
    bool configured() const override { return true; }
    bool rotates_refresh_tokens() const override { return rotates; }
    asio::awaitable<Result<provider::Tokens>> refresh(const Secret& token) override
    {
        sent.emplace_back(token.reveal());
        const auto executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);  // others run meanwhile
        auto answer = std::move(answers.at(0));
        answers.pop_front();
        co_return answer;
    }
    asio::awaitable<provider::CreateOutcome> create(provider::MeetingRequest&&,
                                                    const Secret&) override
    {
        throw std::logic_error("not called");
        co_return provider::CreateOutcome{Failure{}, 0, {}, 0};
    }
    asio::awaitable<Result<std::vector<provider::Meeting>>> search(provider::MeetingRequest,
                                                                   const Secret&) override
    {
        throw std::logic_error("not called");
        co_return Failure{};
    }
    asio::awaitable<Result<std::monostate>> reschedule(provider::MeetingRequest, std::string,
                                                       const Secret&) override
    {
        throw std::logic_error("not called");
        co_return Failure{};
    }
    asio::awaitable<Result<std::monostate>> cancel(std::string, const Secret&) override
    {
        throw std::logic_error("not called");
        co_return Failure{};
    }
};

provider::Tokens tokens(const std::string& access, std::optional<std::string> refresh)
{
    provider::Tokens fresh;
    fresh.access_token = Secret{access};
    if (refresh) {
        fresh.refresh_token = Secret{*refresh};
    }
    fresh.expires_in = 3600s;
    return fresh;
}

Failure refused(Reason reason, bool outcome_unknown = false)
{
    Failure failure;
    failure.reason = reason;
    failure.stage = Stage::token;
    failure.outcome_unknown = outcome_unknown;
    return failure;
}

class KeeperTest : public testing::Test {
protected:
    KeeperTest() { store_.put("old-access", "old-refresh", -1h); }

    /// The access token in plain text, or "! reason".
    std::string run(asio::awaitable<Result<Access>> asked)
    {
        std::string answer = "never";
        asio::co_spawn(loop_, tell(std::move(asked), answer), asio::detached);
        loop_.restart();
        loop_.run();
        return answer;
    }
    static asio::awaitable<void> tell(asio::awaitable<Result<Access>> asked, std::string& answer)
    {
        const auto result = co_await std::move(asked);
        answer = told(result);
    }
    static std::string told(const Result<Access>& result)
    {
        return result ? std::string{result->token.reveal()}
                      : "! " + std::string{code(result.failure().reason)};
    }
    std::string usable() { return run(keeper_.usable(ann, store_.row)); }
    std::string stored_refresh()
    {
        return std::string{cipher.decrypt(*store_.row.refresh, "")->text.reveal()};
    }

    asio::io_context loop_;
    FakeStore store_;
    FakeProvider zoom_;
    Keeper keeper_{loop_.get_executor(),
                   store_,
                   cipher,
                   [this](std::string_view) { return &zoom_; },
                   {.http_timeout = 0ms,
                    .look_again = 1ms,
                    .store_again = 1ms,
                    .store_attempts = 3,
                    .second_look = 0ms}};
};

TEST_F(KeeperTest, AValidTokenIsUsedAsItIs)
{
    store_.put("access", "refresh", 6min);
    EXPECT_EQ(usable(), "access");
    EXPECT_TRUE(store_.calls.empty());
}

TEST_F(KeeperTest, LessThanFiveMinutesLeftRefreshesAndStoresBeforeUse)
{
    store_.put("old-access", "old-refresh", 4min);
    zoom_.answers.push_back(tokens("new-access", "new-refresh"));
    EXPECT_EQ(usable(), "new-access");
    EXPECT_EQ(store_.calls, (std::vector<std::string>{"begin", "store"}));
    EXPECT_EQ(stored_refresh(), "new-refresh");
}

TEST_F(KeeperTest, ARotatedTokenThatWasUsedByTheApplicationIsWaitedFor)
{
    Keeper patient{loop_.get_executor(),
                   store_,
                   cipher,
                   [this](std::string_view) { return &zoom_; },
                   {.http_timeout = 0ms, .look_again = 1ms, .second_look = 60s}};
    zoom_.answers.push_back(refused(Reason::grant_revoked));
    int looks = 0;
    store_.on_begin = [&] {
        if (++looks == 4) {
            store_.put("apps-access", "apps-refresh");
        }
    };
    EXPECT_EQ(run(patient.usable(ann, store_.row)), "apps-access");
    EXPECT_EQ(zoom_.sent.size(), 1U);
}

TEST_F(KeeperTest, AnUnknownExpiryRefreshesToo)
{
    store_.row.expires_at.reset();
    zoom_.answers.push_back(tokens("new-access", std::nullopt));
    EXPECT_EQ(usable(), "new-access");
    EXPECT_EQ(stored_refresh(), "old-refresh") << "no new one: the stored one is kept";
}

TEST_F(KeeperTest, WithoutARefreshTokenTheAccessTokenLastsUntilItsEnd)
{
    store_.put("access", "unused", 2min);
    store_.row.refresh.reset();
    EXPECT_EQ(usable(), "access");
    store_.put("access", "unused", -1s);
    store_.row.refresh.reset();
    EXPECT_EQ(usable(), "! token_missing");
    store_.put("access", "unused", 2min);
    store_.row.refresh = "";
    EXPECT_EQ(usable(), "access") << "an empty one is none";
}

TEST_F(KeeperTest, JobsOfOneConnectionShareOneRefresh)
{
    zoom_.answers.push_back(tokens("new-access", "new-refresh"));
    std::vector<std::string> answers(3);
    const auto claimed = store_.row;
    for (auto& answer : answers) {
        asio::co_spawn(loop_, tell(keeper_.usable(ann, claimed), answer), asio::detached);
    }
    loop_.run();
    EXPECT_EQ(answers, (std::vector<std::string>{"new-access", "new-access", "new-access"}));
    EXPECT_EQ(zoom_.sent, std::vector<std::string>{"old-refresh"});
}

TEST_F(KeeperTest, WhatSomebodyElseRefreshedIsUsed)
{
    const auto claimed = store_.row;
    store_.put("theirs", "their-refresh");
    EXPECT_EQ(run(keeper_.usable(ann, claimed)), "theirs");
    EXPECT_EQ(store_.calls, (std::vector<std::string>{"begin", "end"}))
        << "and the lease is given back";
    EXPECT_TRUE(zoom_.sent.empty());
}

TEST_F(KeeperTest, AnotherDaemonsRefreshIsWaitedFor)
{
    store_.busy = 3;
    zoom_.answers.push_back(tokens("new-access", "new-refresh"));
    EXPECT_EQ(usable(), "new-access");
    EXPECT_EQ(store_.calls.size(), 5u) << "three looks, the lease, the store";
}

TEST_F(KeeperTest, ARaceWithTheApplicationIsWonByWhatItStored)
{
    zoom_.answers.push_back(tokens("mine", "my-refresh"));
    store_.before_store = [this] { store_.put("applications", "applications-refresh"); };
    EXPECT_EQ(usable(), "applications");
    EXPECT_EQ(stored_refresh(), "applications-refresh");
}

TEST_F(KeeperTest, StoringIsRepeatedBeforeTheTokenIsUsed)
{
    zoom_.answers.push_back(tokens("new-access", "new-refresh"));
    store_.store_failures = 2;
    EXPECT_EQ(usable(), "new-access");
    EXPECT_EQ(stored_refresh(), "new-refresh");
}

TEST_F(KeeperTest, ATokenThatCannotBeStoredIsNotUsed)
{
    zoom_.answers.push_back(tokens("new-access", "new-refresh"));
    store_.store_failures = 100;
    EXPECT_EQ(usable(), "! internal_defect");
}

TEST_F(KeeperTest, ADeadGrantDisconnects)
{
    zoom_.answers.push_back(refused(Reason::grant_revoked));
    const auto claimed = store_.row;
    EXPECT_EQ(usable(), "! grant_revoked");
    EXPECT_FALSE(store_.row.usable);
    EXPECT_EQ(store_.calls.back(), "disconnect grant_revoked");
    EXPECT_EQ(run(keeper_.usable(ann, claimed)), "! grant_revoked")
        << "a sibling that was claimed before learns the reason, not its consequence";
}

TEST_F(KeeperTest, ADeadGrantThatWasReplacedMeanwhileIsNot)
{
    zoom_.answers.push_back(refused(Reason::grant_revoked));
    store_.before_disconnect = [this] { store_.put("reconnected", "refresh"); };
    EXPECT_EQ(usable(), "reconnected");
    EXPECT_TRUE(store_.row.usable);
}

TEST_F(KeeperTest, ALostAnswerIsRepeatedOnceWithTheOldToken)
{
    zoom_.answers.push_back(refused(Reason::provider_timeout, true));
    zoom_.answers.push_back(tokens("new-access", "new-refresh"));
    EXPECT_EQ(usable(), "new-access");
    EXPECT_EQ(zoom_.sent, (std::vector<std::string>{"old-refresh", "old-refresh"}));
}

TEST_F(KeeperTest, ALostAnswerAfterWhichTheOldTokenIsDeadSaysSo)
{
    zoom_.answers.push_back(refused(Reason::provider_timeout, true));
    zoom_.answers.push_back(refused(Reason::grant_revoked));
    EXPECT_EQ(usable(), "! grant_response_lost");
}

TEST_F(KeeperTest, TwoLostAnswersAreRememberedForTheNextRefresh)
{
    zoom_.answers.push_back(refused(Reason::provider_timeout, true));
    zoom_.answers.push_back(refused(Reason::provider_timeout, true));
    EXPECT_EQ(usable(), "! provider_timeout");
    EXPECT_EQ(store_.calls.back(), "end provider_timeout, answer lost");
    store_.response_lost = true;  // which is what the database says from then on
    zoom_.answers.push_back(refused(Reason::grant_revoked));
    EXPECT_EQ(usable(), "! grant_response_lost");
}

TEST_F(KeeperTest, WithoutRotationALostAnswerLosesNothing)
{
    zoom_.rotates = false;
    zoom_.answers.push_back(refused(Reason::provider_timeout, true));
    zoom_.answers.push_back(refused(Reason::grant_revoked));
    EXPECT_EQ(usable(), "! grant_revoked");
}

class ManyOwners : public KeeperTest {
protected:
    /// So many owners at once; what each of them got.
    std::vector<std::string> usable_by(int owners)
    {
        std::vector<std::string> told(static_cast<std::size_t>(owners));
        std::vector<ConnectionKey> keys;
        keys.reserve(told.size());
        for (int n = 0; n < owners; ++n) {
            keys.push_back({.owner_id = "owner" + std::to_string(n), .provider = "zoom"});
        }
        const auto claimed = store_.row;
        for (std::size_t n = 0; n < told.size(); ++n) {
            asio::co_spawn(loop_, tell(keeper_.usable(keys[n], claimed), told[n]), asio::detached);
        }
        loop_.restart();
        loop_.run();
        return told;
    }
};

TEST_F(ManyOwners, AWrongClientSecretIsTriedOnceForAll)
{
    zoom_.answers.push_back(refused(Reason::client_rejected));
    EXPECT_EQ(usable_by(20), std::vector<std::string>(20, "! client_rejected"));
    EXPECT_EQ(zoom_.sent.size(), 1U);
    EXPECT_TRUE(store_.row.usable) << "no tutor is to blame";
    EXPECT_EQ(usable(), "! client_rejected");
    EXPECT_EQ(zoom_.sent.size(), 1U) << "who comes late learns it too";
}

TEST_F(KeeperTest, ALaterProbeTriesTheSecretAgain)
{
    Keeper brief{loop_.get_executor(),
                 store_,
                 cipher,
                 [this](std::string_view) { return &zoom_; },
                 {.http_timeout = 0ms, .look_again = 1ms, .probe_patience = 1ms}};
    zoom_.answers.push_back(refused(Reason::client_rejected));
    zoom_.answers.push_back(tokens("new-access", "new-refresh"));
    EXPECT_EQ(run(brief.usable(ann, store_.row)), "! client_rejected");
    std::string answer;
    do {
        answer = run(brief.usable(ann, store_.row));
    } while (answer == "! client_rejected");
    EXPECT_EQ(answer, "new-access");
    EXPECT_EQ(zoom_.sent.size(), 2U);
}

TEST_F(ManyOwners, OnceTheSecretIsAcceptedNobodyWaits)
{
    store_.put("old-access", "old-refresh", -1h);
    zoom_.rotates = false;
    for (int n = 0; n < 20; ++n) {
        zoom_.answers.push_back(refused(Reason::grant_revoked));
    }
    usable_by(20);
    EXPECT_EQ(zoom_.sent.size(), 20U) << "a dead grant is one tutor's own";
}

TEST_F(ManyOwners, AnOutageDecidesNothingForTheOthers)
{
    for (int n = 0; n < 20; ++n) {
        zoom_.answers.push_back(refused(Reason::provider_unavailable));
    }
    EXPECT_EQ(usable_by(20), std::vector<std::string>(20, "! provider_unavailable"));
    EXPECT_EQ(zoom_.sent.size(), 20U);
}

TEST_F(KeeperTest, APassingFailureKeepsTheConnection)
{
    zoom_.answers.push_back(refused(Reason::provider_unavailable));
    EXPECT_EQ(usable(), "! provider_unavailable");
    EXPECT_EQ(store_.calls.back(), "end provider_unavailable");
    EXPECT_TRUE(store_.row.usable);
}

TEST_F(KeeperTest, ATokenThatCannotBeReadIsItsOwnReason)
{
    store_.row.refresh = "not hex";
    EXPECT_EQ(usable(), "! token_malformed");
    EXPECT_EQ(store_.calls.back(), "end token_malformed");
}

TEST_F(KeeperTest, WithoutAUsableConnectionNothingIsAsked)
{
    store_.row.usable = false;
    EXPECT_EQ(usable(), "! connection_inactive");
    store_.row.found = false;
    EXPECT_EQ(usable(), "! no_connection");
    EXPECT_TRUE(store_.calls.empty());
}

}  // namespace
}  // namespace meetlink::token
