#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace meetlink::http {

struct Request {
    std::string method;  ///< "GET", "POST", "PATCH", "DELETE"
    std::string url;
    std::vector<std::string>
        headers;  ///< "Name: value"; may hold Authorization, so it is never logged
    std::string body;
    std::chrono::milliseconds timeout{15'000};
    bool confidential = false;  ///< the answer holds tokens: no buffer that read it is kept
};

/// Where the time went, from libcurl's own clock; zero where a phase did not happen (connection reuse).
struct Timings {
    std::chrono::microseconds dns{};
    std::chrono::microseconds connect{};
    std::chrono::microseconds tls{};
    std::chrono::microseconds first_byte{};
    std::chrono::microseconds total{};
};

/// How a request that got no answer ended.
enum class Fault {
    none,
    not_sent,   ///< name, connect or TLS failed: the server cannot have acted
    timed_out,  ///< sent, no complete answer in time: it may have acted
    broken,     ///< sent, connection broke before a complete answer: it may have acted
    too_large,  ///< the answer is longer than the limit and was cut off: it may have acted
};

struct Response {
    Fault fault = Fault::none;
    std::string fault_detail;  ///< libcurl's words, without URL or headers
    int status = 0;            ///< 0 exactly when fault is not none
    std::string body;
    std::string content_type;
    std::string retry_after;       ///< the header as sent, empty when absent
    std::string date;              ///< the header as sent, empty when absent
    std::string rate_limit_reset;  ///< X-RateLimit-Reset as sent (Zoom, PROVIDERS.md 2.4)
    std::string rate_limit_type;   ///< X-RateLimit-Type as sent: "QPS" or "Daily-limit"
    Timings timings;
    std::string host;  ///< host the request went to, for messages
};

}  // namespace meetlink::http
