#pragma once

#include <json/value.h>

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "message.hpp"
#include "operation.hpp"

namespace meetlink::standin {

/// Which log entries are wanted; empty fields match everything.
struct JournalFilter {
    std::string provider;
    std::string operation;
    std::string account;
    std::string contains;  ///< in path, query or body
    int status = 0;
    std::uint64_t after = 0;  ///< entries with a greater number only
};

/// Every provider request, kept in a bounded log, and counters that are never trimmed. Secrets are kept
/// only as fingerprints.
class Journal {
public:
    /// A request has arrived. Returns its number, for finish().
    std::uint64_t start(const Call& call, const Request& request, Time now);
    /// `outcome`: "answered", "cut", "hung" or "truncated"; status 0 unless an answer was sent.
    void finish(std::uint64_t number, const Call& call, int status, std::string_view outcome,
                std::string_view fault, std::string_view answer_body, Time now);

    [[nodiscard]] Json::Value list(const JournalFilter& filter) const;
    [[nodiscard]] Json::Value counters() const;
    void connection_opened() { ++connections_; }
    /// How many entries are kept; 0 turns the log off (counters go on), for benchmarks.
    void set_capacity(std::size_t capacity);
    [[nodiscard]] std::size_t capacity() const { return capacity_; }
    void clear();

private:
    struct Entry {
        std::uint64_t number;
        Time started;
        Time finished;
        Call call;
        std::string method, path, query, body;
        std::string access;         ///< fingerprint of the access token sent
        std::string refresh;        ///< fingerprint of the refresh token sent
        std::string issued_access;  ///< fingerprints of the tokens answered
        std::string issued_refresh;
        std::string client_id, grant_type;
        std::string outcome = "open";
        std::string fault;
        std::uint64_t connection;
        int status = 0;
        bool tls;
        bool http2;
    };
    struct Count {
        std::uint64_t requests = 0;
        std::int64_t in_flight = 0;
        std::int64_t max_in_flight = 0;
        std::map<int, std::uint64_t> statuses;
        std::uint64_t unanswered = 0;
    };

    [[nodiscard]] Count& count(const Call& call);
    [[nodiscard]] static Json::Value describe(const Entry& entry);

    std::uint64_t next_ = 1;
    std::uint64_t connections_ = 0;
    std::size_t capacity_ = 20'000;
    std::deque<Entry> entries_;  ///< consecutive numbers
    std::array<std::array<Count, operation_names.size()>, provider_names.size()> counts_{};
};

}  // namespace meetlink::standin
