#include "http/multi.hpp"

#include <boost/asio/post.hpp>
#include <chrono>
#include <new>
#include <utility>

namespace meetlink::http {
namespace {

// Ended transfers handed on per turn of the loop: a burst of them must not keep libpq waiting.
constexpr int reports_per_turn = 16;

}  // namespace

Multi::Multi(boost::asio::any_io_executor executor, bool multiplex, Done done)
    : executor_(std::move(executor)),
      multiplex_(multiplex),
      done_(std::move(done)),
      multi_(curl_multi_init()),
      timer_(executor_)
{
    if (!multi_) {
        throw std::bad_alloc();
    }
    curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, &Multi::on_socket);
    curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, &Multi::on_timer);
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_.get(), CURLMOPT_PIPELINING,
                      multiplex ? CURLPIPE_MULTIPLEX : CURLPIPE_NOTHING);
}

Multi::~Multi()
{
    close();
}

void Multi::set_connection_limits(long per_host, long total)
{
    curl_multi_setopt(multi_.get(), CURLMOPT_MAX_HOST_CONNECTIONS, per_host);
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, total);
}

CURLMcode Multi::add(CURL* easy)
{
    return closed_ ? CURLM_BAD_HANDLE : curl_multi_add_handle(multi_.get(), easy);
}

void Multi::remove(CURL* easy) noexcept
{
    if (multi_) {
        curl_multi_remove_handle(multi_.get(), easy);
    }
}

void Multi::close() noexcept
{
    closed_ = true;
    timer_.cancel();
    // closes the connections, and with each calls on_socket(CURL_POLL_REMOVE) while all members live
    multi_.reset();
    for (auto& [fd, socket] : sockets_) {
        socket->wanted = 0;
        socket->descriptor.release();
    }
    sockets_.clear();
}

int Multi::on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void*) noexcept
{
    auto* multi = static_cast<Multi*>(self);
    if (what == CURL_POLL_REMOVE) {
        multi->unwatch(fd);
    } else {
        multi->watch(easy, fd, what);
    }
    return 0;
}

int Multi::on_timer(CURLM*, long timeout_ms, void* self) noexcept
{
    static_cast<Multi*>(self)->set_timer(timeout_ms);
    return 0;
}

void Multi::watch(CURL* easy, curl_socket_t fd, int what)
{
    auto& socket = sockets_[fd];
    if (!socket) {
        socket = std::make_shared<Socket>(executor_, fd);
    }
    socket->wanted = what;
    socket->easy = easy;
    release_sent_request(*socket);
    arm(socket);
}

void Multi::unwatch(curl_socket_t fd)
{
    const auto found = sockets_.find(fd);
    if (found == sockets_.end()) {
        return;
    }
    found->second->wanted = 0;
    // Asio must forget the number before libcurl closes it: the next connection may get the same one,
    // and a registration left behind would never report it.
    found->second->descriptor.release();
    sockets_.erase(found);
}

void Multi::arm(const std::shared_ptr<Socket>& socket)
{
    using boost::asio::posix::stream_descriptor;
    if ((socket->wanted & CURL_POLL_IN) != 0 && !socket->reading) {
        socket->reading = true;
        socket->descriptor.async_wait(
            stream_descriptor::wait_read, [self = weak_from_this(), socket](auto error) {
                socket->reading = false;
                const auto multi = self.lock();
                if (!error && multi && (socket->wanted & CURL_POLL_IN) != 0) {
                    multi->ready(socket, CURL_CSELECT_IN);
                }
            });
    }
    if ((socket->wanted & CURL_POLL_OUT) != 0 && !socket->writing) {
        socket->writing = true;
        socket->descriptor.async_wait(
            stream_descriptor::wait_write, [self = weak_from_this(), socket](auto error) {
                socket->writing = false;
                const auto multi = self.lock();
                if (!error && multi && (socket->wanted & CURL_POLL_OUT) != 0) {
                    multi->ready(socket, CURL_CSELECT_OUT);
                }
            });
    }
}

void Multi::ready(const std::shared_ptr<Socket>& socket, int event)
{
    act(socket->number, event);
    // The call may have closed this socket and opened another one with the same number.
    const auto found = sockets_.find(socket->number);
    if (found != sockets_.end() && found->second == socket) {
        release_sent_request(*socket);
        arm(socket);
    }
}

/// Over TLS, libcurl (until 8.7) keeps a copy of 16 kB of a request until the answer is complete, lest it is
/// sent in parts: Curl_buffer_send() in its http.c. It gives the copy up when it is told its size. Not with
/// HTTP/2, where a request may be half sent although its connection waits for input: flow control.
void Multi::release_sent_request(const Socket& socket) noexcept
{
    if (socket.wanted == CURL_POLL_IN && !multiplex_) {
        curl_easy_setopt(socket.easy, CURLOPT_UPLOAD_BUFFERSIZE, smallest_upload_buffer);
    }
}

/// libcurl changes its mind several times for each transfer, and to set a kernel timer costs more than
/// a system call should: one that fires too early is left alone, and only looked at when it does.
void Multi::set_timer(long timeout_ms)
{
    if (closed_) {
        return;
    }
    due_ = timeout_ms < 0 ? Clock::time_point::max()
                          : Clock::now() + std::chrono::milliseconds(timeout_ms);
    if (timeout_ms == 0 && !act_posted_) {
        // libcurl must not be called from within its own callback
        act_posted_ = true;
        boost::asio::post(executor_, [self = weak_from_this()] {
            if (const auto multi = self.lock()) {
                multi->act_posted_ = false;
                multi->act_when_due();
            }
        });
    } else if (timeout_ms > 0) {
        keep_timer();
    }
}

void Multi::keep_timer()
{
    if (due_ >= fires_) {
        return;
    }
    fires_ = due_;
    timer_.expires_at(fires_);  // cancels a later one
    timer_.async_wait([self = weak_from_this()](auto error) {
        const auto multi = self.lock();
        if (!error && multi) {
            multi->fires_ = Clock::time_point::max();
            multi->act_when_due();
        }
    });
}

void Multi::act_when_due()
{
    if (Clock::now() >= due_) {
        due_ = Clock::time_point::max();
        act(CURL_SOCKET_TIMEOUT, 0);
    } else {
        keep_timer();
    }
}

void Multi::act(curl_socket_t fd, int event)
{
    if (closed_) {
        return;
    }
    int running = 0;
    curl_multi_socket_action(multi_.get(), fd, event, &running);
    if (!reporting_) {
        report();
    }
}

void Multi::report()
{
    reporting_ = false;
    for (int count = 0; count < reports_per_turn; ++count) {
        int queued = 0;
        const CURLMsg* message = closed_ ? nullptr : curl_multi_info_read(multi_.get(), &queued);
        if (message == nullptr) {
            return;
        }
        if (message->msg == CURLMSG_DONE) {
            CURL* const easy = message->easy_handle;
            const CURLcode result = message->data.result;
            curl_multi_remove_handle(multi_.get(), easy);  // invalidates the message
            done_(easy, result);
        }
    }
    reporting_ = true;
    boost::asio::post(executor_, [self = weak_from_this()] {
        if (const auto multi = self.lock()) {
            multi->report();
        }
    });
}

}  // namespace meetlink::http
