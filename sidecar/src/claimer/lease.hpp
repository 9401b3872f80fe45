#pragma once

#include <algorithm>
#include <boost/asio/cancellation_signal.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace meetlink {

/// How long one claim is certainly ours. Measured on the steady clock from *before* the statement that
/// granted it was sent, so that our deadline never lies behind the database's.
class Lease {
public:
    using Clock = std::chrono::steady_clock;

    explicit Lease(Clock::time_point until) : until_(until) {}

    [[nodiscard]] bool holds(Clock::time_point now) const { return !lost_ && now < until_; }
    void extend(Clock::time_point until) { until_ = std::max(until_, until); }
    /// Ends the job's coroutine at its next wait: nothing may be created under a lost claim.
    void lose()
    {
        lost_ = true;
        interrupt();
    }
    /// Ends the coroutine likewise, while the claim is still ours to give back.
    void interrupt() { cancel_->emit(boost::asio::cancellation_type::terminal); }
    [[nodiscard]] bool lost() const { return lost_; }
    /// The work is done, and only its outcome is to be stored.
    void settle() { settling_ = true; }
    [[nodiscard]] bool settling() const { return settling_; }
    [[nodiscard]] std::shared_ptr<boost::asio::cancellation_signal> cancellation() const
    {
        return cancel_;
    }

private:
    Clock::time_point until_;
    bool lost_ = false;
    bool settling_ = false;
    std::shared_ptr<boost::asio::cancellation_signal> cancel_ =
        std::make_shared<boost::asio::cancellation_signal>();
};

/// The leases of all claims in flight.
class Leases {
public:
    [[nodiscard]] std::shared_ptr<Lease> add(std::int64_t claim_id, Lease::Clock::time_point until)
    {
        return leases_[claim_id] = std::make_shared<Lease>(until);
    }
    void settle(std::int64_t claim_id)
    {
        leases_.at(claim_id)->settle();
        ++settling_;
    }
    void remove(std::int64_t claim_id)
    {
        const auto found = leases_.find(claim_id);
        settling_ -= found->second->settling() ? 1 : 0;
        leases_.erase(found);
    }

    [[nodiscard]] std::size_t size() const { return leases_.size(); }
    /// Those whose outcome is being stored are not counted.
    [[nodiscard]] std::size_t working() const { return leases_.size() - settling_; }
    [[nodiscard]] std::vector<std::int64_t> ids() const
    {
        std::vector<std::int64_t> ids;
        for (const auto& [claim_id, lease] : leases_) {
            ids.push_back(claim_id);
        }
        return ids;
    }

    /// The answer to a renewal of `asked`: those in `kept` are ours until `until`, the others are
    /// lost. Returns how many were lost by it; claims taken or settled meanwhile are left alone.
    std::size_t renewed(const std::vector<std::int64_t>& asked,
                        const std::vector<std::int64_t>& kept, Lease::Clock::time_point until)
    {
        std::size_t lost = 0;
        for (const auto claim_id : asked) {
            const auto found = leases_.find(claim_id);
            if (found == leases_.end() || found->second->lost()) {
                continue;
            }
            if (std::find(kept.begin(), kept.end(), claim_id) != kept.end()) {
                found->second->extend(until);
            } else {
                ++lost;
                const auto lease = found->second;  // lose() may let the job remove it
                lease->lose();
            }
        }
        return lost;
    }

    /// Ends what could not be renewed in time; returns how many.
    std::size_t expire(Lease::Clock::time_point now)
    {
        std::vector<std::shared_ptr<Lease>> over;
        for (const auto& [claim_id, lease] : leases_) {
            if (!lease->lost() && !lease->holds(now)) {
                over.push_back(lease);
            }
        }
        for (const auto& lease : over) {
            lease->lose();
        }
        return over.size();
    }

    void interrupt_all()
    {
        for (const auto& [claim_id, lease] : std::map{leases_}) {
            lease->interrupt();
        }
    }

private:
    std::map<std::int64_t, std::shared_ptr<Lease>> leases_;
    std::size_t settling_ = 0;
};

}  // namespace meetlink
