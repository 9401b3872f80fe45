#pragma once

#include <curl/curl.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <unordered_map>

namespace meetlink::http {

/// For CURLOPT_UPLOAD_BUFFERSIZE, in bytes: the least that libcurl takes.
inline constexpr long smallest_upload_buffer = 16L * 1024;

/// libcurl's multi-socket interface on an Asio event loop: libcurl says which sockets to watch and when
/// to wake it, Asio watches. For one thread. Owned by shared_ptr, because handlers that Asio has already
/// queued may run after the owner let go.
class Multi : public std::enable_shared_from_this<Multi> {
public:
    /// Called once for each transfer that ended by itself, after it was taken off the multi handle.
    using Done = std::function<void(CURL*, CURLcode)>;

    /// multiplex: several transfers may share an HTTP/2 connection.
    Multi(boost::asio::any_io_executor executor, bool multiplex, Done done);
    ~Multi();
    Multi(const Multi&) = delete;
    Multi& operator=(const Multi&) = delete;

    /// Limits: open connections to one host, and connections kept in all, idle ones included.
    void set_connection_limits(long per_host, long total);

    [[nodiscard]] CURLMcode add(CURL* easy);
    /// Aborts a transfer; harmless for one that is not here.
    void remove(CURL* easy) noexcept;
    /// Stops watching. Only handlers that are queued already still run, and do nothing.
    void close() noexcept;

private:
    using Clock = std::chrono::steady_clock;

    struct Socket {
        Socket(const boost::asio::any_io_executor& executor, curl_socket_t fd)
            : descriptor(executor, fd), number(fd)
        {
        }
        boost::asio::posix::stream_descriptor descriptor;
        curl_socket_t number;
        int wanted = 0;        ///< CURL_POLL_IN, _OUT, _INOUT, or 0 once libcurl gave it up
        CURL* easy = nullptr;  ///< that wants it; the only one, unless it is multiplexed
        bool reading = false;
        bool writing = false;
    };

    static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void*) noexcept;
    static int on_timer(CURLM*, long timeout_ms, void* self) noexcept;

    void watch(CURL* easy, curl_socket_t fd, int what);
    void unwatch(curl_socket_t fd);
    void arm(const std::shared_ptr<Socket>& socket);
    void release_sent_request(const Socket& socket) noexcept;
    void ready(const std::shared_ptr<Socket>& socket, int event);
    void set_timer(long timeout_ms);
    void keep_timer();
    void act_when_due();
    void act(curl_socket_t fd, int event);
    void report();

    struct Cleanup {
        void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
    };

    boost::asio::any_io_executor executor_;
    bool multiplex_;
    Done done_;
    std::unique_ptr<CURLM, Cleanup> multi_;
    Clock::time_point due_ = Clock::time_point::max();    ///< when libcurl wants to be called
    Clock::time_point fires_ = Clock::time_point::max();  ///< when the timer goes off
    boost::asio::steady_timer timer_;
    std::unordered_map<curl_socket_t, std::shared_ptr<Socket>> sockets_;
    bool act_posted_ = false;
    bool reporting_ = false;
    bool closed_ = false;
};

}  // namespace meetlink::http
