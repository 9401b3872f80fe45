#include "http/transfer.hpp"

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <new>
#include <string_view>
#include <utility>

#include "base/text.hpp"
#include "http/multi.hpp"

namespace meetlink::http {
namespace {

constexpr std::size_t header_limit = std::size_t{64} * 1024;
// Idle connections older than this are not reused: servers close theirs after a minute or more, and a
// request on a connection that is just being closed is an unknown outcome.
constexpr long max_idle_seconds = 45;
constexpr long max_authority_seconds = 600;  // so that a renewed file of authorities is

void wipe(std::string& text) noexcept
{
    OPENSSL_cleanse(text.data(), text.size());
}

bool has_control_character(std::string_view text)
{
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

/// A TLS connection that waits for an answer needs no buffers of 34 kB, and for a request that is sent a
/// record of 4 kB is enough.
CURLcode save_memory(CURL*, void* context, void*) noexcept
{
    auto* const tls = static_cast<SSL_CTX*>(context);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_max_send_fragment(tls, 4 * 1024);
    return CURLE_OK;
}

/// libcurl keeps the parsed authorities for all connections only if it has a file and no folder of them
/// (ossl_cached_x509_store() in its vtls/openssl.c); else each connection has its own: 10 ms and 1 MB.
/// test/e2e/081_tls.t fails with a libcurl that gives the folder back for a null (8.17).
void trust(CURL* easy, const std::filesystem::path& ca_file)
{
    if (!ca_file.empty()) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file.c_str());
        curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
        curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, max_authority_seconds);
    }
}

std::chrono::microseconds time_of(CURL* easy, CURLINFO which)
{
    curl_off_t microseconds = 0;
    curl_easy_getinfo(easy, which, &microseconds);
    return std::chrono::microseconds(microseconds);
}

}  // namespace

std::optional<std::string> request_problem(const Request& request, const std::optional<Url>& url)
{
    // a line break in a token would add a header, one in a method a request
    if (request.method.empty() || has_control_character(request.method) ||
        std::any_of(request.headers.begin(), request.headers.end(), has_control_character)) {
        return "the request has a control character in its header";
    }
    if (const auto problem = endpoint_problem(url)) {
        return "the address cannot be used: " + *problem;
    }
    return std::nullopt;
}

void Transfer::ListCleanup::operator()(curl_slist* list) const noexcept
{
    for (const curl_slist* item = list; item != nullptr; item = item->next) {
        OPENSSL_cleanse(item->data, std::char_traits<char>::length(item->data));
    }
    curl_slist_free_all(list);
}

Transfer::Transfer(EasyHandle prepared, Request request, std::string host,
                   const ClientOptions& options)
    : easy_(std::move(prepared)),
      request_(std::move(request)),
      body_limit_(options.body_limit),
      repeatable_(request_.method == "GET" || request_.method == "DELETE")
{
    response_.host = std::move(host);
    set_request(options);
}

Transfer::~Transfer()
{
    wipe(request_.body);
}

EasyHandle prepared_handle(const ClientOptions& options, CURLSH* share)
{
    EasyHandle handle(curl_easy_init());
    if (!handle) {
        throw std::bad_alloc();
    }
    CURL* const easy = handle.get();
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_SHARE, share);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "meetlinkd");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, &save_memory);
    trust(easy, options.ca_file);
    // Otherwise a transfer that times out in getaddrinfo() stops the whole loop until that returns.
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, max_idle_seconds);
    curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, static_cast<long>(max_connection_age.count()));
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 20L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L);
    if (options.version == Version::http_1_1) {
        // One for each request in flight. With HTTP/2, libcurl 7.88 writes beyond a smaller one than its default
        // once a handle is used again.
        curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 2L * 1024);
    }
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, smallest_upload_buffer);
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(options.body_limit));
    return handle;
}

/// Everything that points into this transfer, or is of one request only; release() takes it back.
void Transfer::set_request(const ClientOptions& options)
{
    CURL* const easy = easy_.get();
    for (std::string& header : request_.headers) {
        headers_.reset(curl_slist_append(headers_.release(), header.c_str()));
        wipe(header);
    }
    request_.headers = std::vector<std::string>{};
    headers_.reset(curl_slist_append(headers_.release(), "Expect:"));  // no 100-continue round trip

    curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_.data());
    curl_easy_setopt(easy, CURLOPT_URL, request_.url.c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
    if (options.version == Version::http_2) {
        // For a connection that may be shared, which TLS tells. Without TLS it would wait for an answer.
        const bool tls = request_.url.starts_with("https:");
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                         long{tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1});
        curl_easy_setopt(easy, CURLOPT_PIPEWAIT, tls ? 1L : 0L);
    }
    // https_proxy is for the world outside
    curl_easy_setopt(easy, CURLOPT_PROXY, is_loopback(response_.host) ? "" : nullptr);

    const auto timeout = std::max<long>(1, static_cast<long>(request_.timeout.count()));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     std::min<long>(timeout, static_cast<long>(options.connect_timeout.count())));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, &Transfer::before_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, this);
    set_body();
}

void Transfer::set_body()
{
    CURL* const easy = easy_.get();
    if (request_.method == "POST" || !request_.body.empty()) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         static_cast<curl_off_t>(request_.body.size()));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request_.body.data());
    }
    if (request_.method != "GET" && request_.method != "POST") {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    }
}

EasyHandle Transfer::release()
{
    CURL* const easy = easy_.get();
    curl_easy_setopt(easy, CURLOPT_PRIVATE, nullptr);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, nullptr);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, nullptr);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, nullptr);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, nullptr);
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    return std::move(easy_);
}

std::size_t Transfer::on_body(char* data, std::size_t, std::size_t size, void* self) noexcept
{
    auto& transfer = *static_cast<Transfer*>(self);
    if (size > transfer.body_limit_ - transfer.response_.body.size()) {
        transfer.too_large_ = true;
        return 0;
    }
    transfer.response_.body.append(data, size);
    return size;
}

std::size_t Transfer::on_header(char* data, std::size_t, std::size_t size, void* self) noexcept
{
    auto& transfer = *static_cast<Transfer*>(self);
    transfer.header_bytes_ += size;
    if (transfer.header_bytes_ > header_limit) {
        transfer.too_large_ = true;
        return 0;
    }
    transfer.read_header(std::string_view(data, size));
    return size;
}

void Transfer::read_header(std::string_view line)
{
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) {
        return;
    }
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = line.substr(colon + 1, line.find_last_not_of("\r\n") - colon);
    const auto keep = [&](std::string_view wanted, std::string& where) {
        if (equal_ignoring_case(name, wanted)) {
            where = trim(value);
        }
    };
    keep("Content-Type", response_.content_type);
    keep("Retry-After", response_.retry_after);
    keep("Date", response_.date);
    keep("X-RateLimit-Reset", response_.rate_limit_reset);
    keep("X-RateLimit-Type", response_.rate_limit_type);
}

/// libcurl calls this each time it has a connection and is about to send. A second time means that it
/// is repeating the request by itself (Curl_retry_request): the kept-alive connection it took first
/// closed without an answer. The server may have closed it before or after it acted.
int Transfer::before_request(void* self, char*, char*, int, int) noexcept
{
    auto& transfer = *static_cast<Transfer*>(self);
    transfer.repeated_ = transfer.started_;
    if (transfer.started_ && !transfer.repeatable_ && transfer.partly_sent()) {
        transfer.lost_ = true;
        return CURL_PREREQFUNC_ABORT;
    }
    transfer.started_ = true;
    return CURL_PREREQFUNC_OK;
}

bool Transfer::partly_sent() const
{
    long bytes = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_REQUEST_SIZE, &bytes);
    return started_ && bytes > 0;
}

Fault Transfer::fault_of(CURLcode result) const
{
    if (too_large_ || result == CURLE_FILESIZE_EXCEEDED) {
        return Fault::too_large;
    }
    if (!partly_sent()) {
        return Fault::not_sent;
    }
    return result == CURLE_OPERATION_TIMEDOUT ? Fault::timed_out : Fault::broken;
}

void Transfer::finish(CURLcode result)
{
    finished_ = true;
    read_timings();
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    if (result == CURLE_OK && status >= 100) {
        response_.status = static_cast<int>(status);
        return;
    }
    response_.fault = fault_of(result);
    response_.body.clear();
    if (too_large_ || result == CURLE_FILESIZE_EXCEEDED) {
        response_.fault_detail =
            "the answer is longer than " + std::to_string(body_limit_) + " bytes";
    } else if (lost_) {
        response_.fault_detail = "the reused connection closed without an answer";
    } else {
        response_.fault_detail = error_[0] != '\0' ? error_.data() : curl_easy_strerror(result);
    }
}

void Transfer::read_timings()
{
    CURL* const easy = easy_.get();
    const auto name = time_of(easy, CURLINFO_NAMELOOKUP_TIME_T);
    const auto connect = time_of(easy, CURLINFO_CONNECT_TIME_T);
    const auto tls = time_of(easy, CURLINFO_APPCONNECT_TIME_T);
    const auto sent = time_of(easy, CURLINFO_PRETRANSFER_TIME_T);
    const auto first_byte = time_of(easy, CURLINFO_STARTTRANSFER_TIME_T);
    const auto since = [](auto later, auto earlier) {
        return later > earlier ? later - earlier : std::chrono::microseconds{};
    };
    long connections = 0;
    curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connections);
    Timings& timings = response_.timings;
    if (connections > 0) {  // libcurl's times are cumulative, and set even for a reused connection
        timings.dns = name;
        timings.connect = since(connect, name);
        timings.tls = since(tls, connect);
    }
    timings.first_byte = since(first_byte, sent);
    timings.total = time_of(easy, CURLINFO_TOTAL_TIME_T);
}

}  // namespace meetlink::http
