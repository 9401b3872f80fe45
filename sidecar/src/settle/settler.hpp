#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/condition.hpp"
#include "daemon/registration.hpp"
#include "postgres/session.hpp"
#include "settle/outcome.hpp"

namespace meetlink::settle {

/// Writes outcomes back, many in one statement. Outcomes are kept through a lost connection and sent
/// again: each is fenced by its claim, so what had been carried out comes back as `lost`.
class Settler {
public:
    /// Outcomes gathered for one statement under load: for this long, or so many.
    static constexpr std::chrono::milliseconds gather{1};
    static constexpr std::size_t batch = 256;
    /// Of these, outcomes that are no link: they cost more, and nobody waits for them. When a provider's
    /// calls all time out at once, links and claims go on between the statements that record it.
    static constexpr std::size_t most_without_link = 16;
    /// Before a row that somebody has locked is tried again.
    static constexpr std::chrono::milliseconds busy_again{50};

    Settler(boost::asio::any_io_executor executor, postgres::Session& session,
            const daemon::Registration& registration);

    /// Completes when the database has answered for this outcome, which must live until then.
    [[nodiscard]] boost::asio::awaitable<Settlement> settle(const Outcome& outcome);

    /// Sends batches until stop().
    [[nodiscard]] boost::asio::awaitable<void> run();
    /// Ends run() once nothing waits any more.
    void stop();

private:
    struct Entry {
        Entry(const Outcome& what, boost::asio::any_io_executor executor)
            : outcome(what), answered(std::move(executor))
        {
        }
        void tell(Settlement settlement)
        {
            answer = std::move(settlement);
            answered.notify_all();
        }

        const Outcome& outcome;
        std::optional<Settlement> answer;
        Condition answered;
        Condition::Clock::time_point not_before{};
        int refusals = 0;  ///< statements that failed because of it, as far as is known
    };
    using Batch = std::vector<std::shared_ptr<Entry>>;

    [[nodiscard]] boost::asio::awaitable<Batch> next_batch();
    [[nodiscard]] boost::asio::awaitable<void> send(Batch entries);
    void take_verdicts(const postgres::Rows& rows, const Batch& sent);
    [[nodiscard]] boost::asio::awaitable<void> isolate(Batch entries, postgres::Error error);

    boost::asio::any_io_executor executor_;
    postgres::Session& session_;
    const daemon::Registration& registration_;
    Batch waiting_;
    bool crowded_ = false;  ///< the last batch held several
    Condition::Clock::time_point answered_at_{};
    bool stopped_ = false;
    Condition arrived_;
};

}  // namespace meetlink::settle
