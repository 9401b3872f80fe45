#pragma once

#include <curl/curl.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "http/client.hpp"
#include "http/message.hpp"
#include "http/url.hpp"

namespace meetlink::http {

/// So that a changed address is noticed.
inline constexpr std::chrono::seconds max_connection_age{600};

struct EasyCleanup {
    void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
using EasyHandle = std::unique_ptr<CURL, EasyCleanup>;

/// A handle with the options that all requests have: to set them takes a seventh of a request's time.
[[nodiscard]] EasyHandle prepared_handle(const ClientOptions& options, CURLSH* share);

/// Why a request to `url` must not be sent at all, in words; nothing when it may.
[[nodiscard]] std::optional<std::string> request_problem(const Request& request,
                                                         const std::optional<Url>& url);

/// One request on one libcurl handle: sets the options, collects the answer, and tells afterwards
/// whether the server can have acted. libcurl keeps pointers into it, so it stays where it is.
class Transfer {
public:
    Transfer(EasyHandle prepared, Request request, std::string host, const ClientOptions& options);
    ~Transfer();
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    [[nodiscard]] CURL* handle() const { return easy_.get(); }
    [[nodiscard]] bool finished() const { return finished_; }
    /// Reads result and times off the handle.
    void finish(CURLcode result);
    [[nodiscard]] Response& response() { return response_; }
    /// The handle is as good as a new one. libcurl keeps its buffers, and a token endpoint's answer would stay in them;
    /// and it counts its repetitions of a request (before_request) over all of them, up to five.
    [[nodiscard]] bool leaves_no_trace() const
    {
        return finished_ && response_.fault == Fault::none && !request_.confidential && !repeated_;
    }
    /// The handle as it was prepared, for the next request.
    [[nodiscard]] EasyHandle release();

private:
    static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) noexcept;
    static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) noexcept;
    static int before_request(void* self, char*, char*, int, int) noexcept;

    void set_request(const ClientOptions& options);
    void set_body();
    void read_header(std::string_view line);
    void read_timings();
    [[nodiscard]] bool partly_sent() const;
    [[nodiscard]] Fault fault_of(CURLcode result) const;

    struct ListCleanup {
        void operator()(curl_slist* list) const noexcept;
    };

    EasyHandle easy_;
    Request request_;
    Response response_;
    std::size_t body_limit_;
    std::size_t header_bytes_ = 0;
    std::unique_ptr<curl_slist, ListCleanup> headers_;
    std::array<char, CURL_ERROR_SIZE> error_{};
    bool repeatable_;        ///< may be sent again after it was sent once
    bool started_ = false;   ///< a connection was ready and libcurl began to send
    bool repeated_ = false;  ///< and then did so again, on another one
    bool lost_ = false;      ///< not sent again although libcurl wanted to
    bool too_large_ = false;
    bool finished_ = false;
};

}  // namespace meetlink::http
