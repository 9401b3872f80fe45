#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace meetlink::standin {

inline constexpr std::size_t request_limit = 8'000'000;  ///< bytes of a body

/// One request, as views into the connection's buffers: valid until its answer has been written.
struct Request {
    std::string_view method;
    std::string_view path;   ///< still percent-encoded
    std::string_view query;  ///< without the question mark, still percent-encoded
    std::string_view authorization;
    std::string_view if_match;
    std::string_view body;
    std::uint64_t connection = 0;  ///< number of the TCP connection, shows connection reuse
    bool tls = false;
    bool http2 = false;

    void set_target(std::string_view target)
    {
        const auto question = target.find('?');
        path = target.substr(0, question);
        if (question != std::string_view::npos) query = target.substr(question + 1);
    }
};

inline constexpr std::string_view json_type = "application/json; charset=UTF-8";
inline constexpr std::string_view html_type = "text/html; charset=UTF-8";

struct Answer {
    int status = 200;
    std::string body;  ///< ignored for 204
    std::string_view content_type = json_type;
    std::vector<std::pair<std::string, std::string>> headers;
};

}  // namespace meetlink::standin
