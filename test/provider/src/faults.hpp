#pragma once

#include <json/value.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "effect.hpp"
#include "message.hpp"
#include "operation.hpp"

namespace meetlink::standin {

/// One scripted fault: which requests it hits, how often, and with what effect. Requests share it, so
/// that it may be removed while they are still held.
class FaultRule {
public:
    /// Throws BadInput.
    FaultRule(std::uint64_t id, const Json::Value& description,
              const boost::asio::any_io_executor& executor);

    /// Counts the hit when it is one.
    [[nodiscard]] bool hits(const Call& call, const Request& request);
    [[nodiscard]] std::uint64_t id() const { return id_; }
    [[nodiscard]] const Effect& effect() const { return effect_; }
    [[nodiscard]] Json::Value describe() const;

    /// Waits until somebody calls release(); at once when that has happened.
    [[nodiscard]] boost::asio::awaitable<void> released();
    void release();

private:
    std::uint64_t id_;
    std::optional<ProviderKind> provider_;
    std::optional<Operation> operation_;
    std::string account_;   ///< empty: any
    std::string contains_;  ///< must occur in path, query or body; empty: any
    std::int64_t skip_ = 0;
    std::int64_t times_left_ = 1;  ///< -1: for ever
    double probability_ = 1.0;
    std::mt19937_64 random_;
    std::int64_t hits_ = 0;
    Effect effect_;
    boost::asio::steady_timer gate_;
    bool open_ = false;
    int held_ = 0;
};

/// All rules, in the order in which they were made; the first that matches decides.
class Faults {
public:
    explicit Faults(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    FaultRule& add(const Json::Value& description);
    /// The rule that hits this request; nullptr when there is none.
    [[nodiscard]] std::shared_ptr<FaultRule> match(const Call& call, const Request& request);
    [[nodiscard]] const std::vector<std::shared_ptr<FaultRule>>& rules() const { return rules_; }
    [[nodiscard]] FaultRule* find(std::uint64_t id);
    bool remove(std::uint64_t id);
    void clear();

private:
    boost::asio::any_io_executor executor_;
    std::uint64_t next_id_ = 1;
    std::vector<std::shared_ptr<FaultRule>> rules_;  ///< spent ones stay, to be asked about
};

}  // namespace meetlink::standin
