#include "http2.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "exchange.hpp"

namespace meetlink::standin {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t write_size = std::size_t{64} * 1024;
constexpr std::uint32_t max_streams = 100;  // as Google's servers

nghttp2_nv field(std::string_view name, std::string_view value)
{
    const auto bytes = [](std::string_view text) {
        // nghttp2 copies them, and only its C signature lacks the const
        return const_cast<std::uint8_t*>(  // NOLINT
            reinterpret_cast<const std::uint8_t*>(text.data()));
    };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

std::string_view text_of(const std::uint8_t* data, std::size_t size)
{
    return {reinterpret_cast<const char*>(data), size};
}

/// One request, and what of its answer may be sent.
struct Stream {
    Stream(std::int32_t stream_id, const asio::any_io_executor& executor)
        : id(stream_id), changed(executor, asio::steady_timer::time_point::max())
    {
    }

    std::int32_t id;
    std::string method;
    std::string target;
    std::string authorization;
    std::string if_match;
    std::string body;

    std::string answer;
    std::size_t sent = 0;
    bool complete = false;  ///< nothing will be added to `answer`
    bool closed = false;
    /// Cancelled when all of `answer` is sent, or the stream is closed.
    asio::steady_timer changed;
};

/// nghttp2 does frames, header compression and flow control. It is fed by run() and emptied by
/// write_out(), which waits one turn of the loop so that answers that are ready together go together.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(Standin& standin, asio::ssl::stream<tcp::socket> stream, std::uint64_t number)
        : standin_(standin), stream_(std::move(stream)), number_(number)
    {
        nghttp2_session_callbacks* callbacks = nullptr;
        nghttp2_session_callbacks_new(&callbacks);
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &on_begin);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, &on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &on_body);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &on_frame);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &on_close);
        nghttp2_session* session = nullptr;
        nghttp2_session_server_new(&session, callbacks, this);
        nghttp2_session_callbacks_del(callbacks);
        session_.reset(session);
    }

    asio::awaitable<void> run()
    {
        const std::array settings{
            nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, max_streams}};
        nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings.data(),
                                settings.size());
        flush();
        std::vector<std::uint8_t> input(write_size);
        while (!closed_) {
            const auto [error, size] =
                co_await stream_.async_read_some(asio::buffer(input), use_tuple);
            if (error || closed_ ||
                nghttp2_session_mem_recv(session_.get(), input.data(), size) < 0) {
                break;
            }
            for (auto& request : std::exchange(requests_, {})) {
                asio::co_spawn(stream_.get_executor(), serve(shared_from_this(), request),
                               asio::detached);
            }
            flush();
        }
        close();
    }

    // --- for the streams

    void answer(Stream& stream, const Answer& answer)
    {
        if (stream.closed) return;
        const auto status = std::to_string(answer.status);
        const auto date = http_date(standin_.clock.now());
        const bool has_body = answer.status != 204 && answer.status != 304;
        const auto length = std::to_string(answer.body.size());
        std::vector<nghttp2_nv> fields{field(":status", status), field("date", date)};
        if (has_body) {
            fields.push_back(field("content-type", answer.content_type));
            fields.push_back(field("content-length", length));
        }
        std::vector<std::string> names;
        names.reserve(answer.headers.size());
        for (const auto& [name, value] : answer.headers) {
            if (name == "Connection") continue;  // not of HTTP/2
            std::string& lower = names.emplace_back(name);
            std::transform(lower.begin(), lower.end(), lower.begin(),
                           [](unsigned char c) { return std::tolower(c); });
            fields.push_back(field(lower, value));
        }
        nghttp2_data_provider body{{.ptr = &stream}, &read_answer};
        nghttp2_submit_response(session_.get(), stream.id, fields.data(), fields.size(),
                                has_body ? &body : nullptr);
        flush();
    }

    void resume(const Stream& stream)
    {
        if (stream.closed) return;
        nghttp2_session_resume_data(session_.get(), stream.id);
        flush();
    }

    void reset(Stream& stream, std::uint32_t code)
    {
        if (std::exchange(stream.closed, true)) return;
        nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream.id, code);
        flush();
    }

    void take_no_more()
    {
        if (closed_) return;
        nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(session_.get()),
                              NGHTTP2_NO_ERROR, nullptr, 0);
        flush();
    }

    void close(bool with_reset = false)
    {
        if (std::exchange(closed_, true)) return;
        boost::system::error_code ignored;
        auto& socket = stream_.next_layer();
        if (with_reset) socket.set_option(asio::socket_base::linger{true, 0}, ignored);
        socket.close(ignored);
        for (const auto& [id, stream] : streams_) end(*stream);
        streams_.clear();
    }

private:
    static asio::awaitable<void> serve(std::shared_ptr<Connection> connection,
                                       std::shared_ptr<Stream> stream);

    static void end(Stream& stream)
    {
        stream.closed = true;
        stream.changed.cancel();
    }

    void flush()
    {
        if (writing_ || closed_) return;
        writing_ = true;
        asio::co_spawn(
            stream_.get_executor(), [self = shared_from_this()] { return self->write_out(); },
            asio::detached);
    }

    asio::awaitable<void> write_out()
    {
        co_await asio::post(stream_.get_executor(), asio::use_awaitable);
        while (!closed_) {
            output_.clear();
            while (output_.size() < write_size) {
                const std::uint8_t* data = nullptr;
                const auto size = nghttp2_session_mem_send(session_.get(), &data);
                if (size <= 0) break;
                output_.append(text_of(data, static_cast<std::size_t>(size)));
            }
            if (output_.empty()) break;
            const auto [error, size] =
                co_await asio::async_write(stream_, asio::buffer(output_), use_tuple);
            if (error) close();
        }
        writing_ = false;
        // as after GOAWAY, when the last answer is sent
        if (!closed_ && nghttp2_session_want_read(session_.get()) == 0 &&
            nghttp2_session_want_write(session_.get()) == 0) {
            close();
        }
    }

    // --- nghttp2's callbacks

    static Connection& self(void* user) { return *static_cast<Connection*>(user); }

    Stream* find(std::int32_t id)
    {
        const auto found = streams_.find(id);
        return found == streams_.end() ? nullptr : found->second.get();
    }

    static int on_begin(nghttp2_session*, const nghttp2_frame* frame, void* user)
    {
        auto& connection = self(user);
        const auto id = frame->hd.stream_id;
        connection.streams_.emplace(
            id, std::make_shared<Stream>(id, connection.stream_.get_executor()));
        return 0;
    }

    static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                         std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                         std::uint8_t, void* user)
    {
        Stream* stream = self(user).find(frame->hd.stream_id);
        if (stream == nullptr) return 0;
        const auto wanted = text_of(name, name_size);
        const auto keep = [&](std::string_view known, std::string& where) {
            if (wanted == known) where = text_of(value, value_size);
        };
        keep(":method", stream->method);
        keep(":path", stream->target);
        keep("authorization", stream->authorization);
        keep("if-match", stream->if_match);
        return 0;
    }

    static int on_body(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                       std::size_t size, void* user)
    {
        Stream* stream = self(user).find(id);
        if (stream == nullptr) return 0;
        if (stream->body.size() + size > request_limit) return NGHTTP2_ERR_CALLBACK_FAILURE;
        stream->body.append(text_of(data, size));
        return 0;
    }

    /// A request that is complete is served once nghttp2 has returned: it may not be called from here.
    static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user)
    {
        auto& connection = self(user);
        const bool of_request = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
        if (!of_request || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
        const auto found = connection.streams_.find(frame->hd.stream_id);
        if (found != connection.streams_.end()) connection.requests_.push_back(found->second);
        return 0;
    }

    static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* user)
    {
        if (auto stream = self(user).streams_.extract(id)) end(*stream.mapped());
        return 0;
    }

    static ssize_t read_answer(nghttp2_session*, std::int32_t, std::uint8_t* buffer,
                               std::size_t room, std::uint32_t* flags, nghttp2_data_source* source,
                               void*)
    {
        auto& stream = *static_cast<Stream*>(source->ptr);
        const auto size = std::min(room, stream.answer.size() - stream.sent);
        std::copy_n(stream.answer.data() + stream.sent, size, buffer);
        stream.sent += size;
        if (stream.sent == stream.answer.size()) {
            stream.changed.cancel();
            if (stream.complete) {
                *flags |= NGHTTP2_DATA_FLAG_EOF;
            } else if (size == 0) {
                return NGHTTP2_ERR_DEFERRED;
            }
        }
        return static_cast<ssize_t>(size);
    }

    struct Delete {
        void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
    };

    Standin& standin_;
    asio::ssl::stream<tcp::socket> stream_;
    std::uint64_t number_;
    std::unique_ptr<nghttp2_session, Delete> session_;
    std::unordered_map<std::int32_t, std::shared_ptr<Stream>> streams_;
    std::vector<std::shared_ptr<Stream>> requests_;  ///< complete, not begun
    std::string output_;
    bool writing_ = false;
    bool closed_ = false;
};

/// What exchange() needs.
class Wire {
public:
    Wire(std::shared_ptr<Connection> connection, std::shared_ptr<Stream> stream)
        : connection_(std::move(connection)), stream_(std::move(stream))
    {
    }

    asio::awaitable<bool> write(Answer answer)
    {
        stream_->answer = answer.body;
        stream_->complete = true;
        connection_->answer(*stream_, answer);
        co_return true;
    }

    asio::awaitable<void> write_half(const Answer& answer)
    {
        stream_->answer = answer.body.substr(0, answer.body.size() / 2);
        connection_->answer(*stream_, answer);
        co_await sent();
    }

    asio::awaitable<bool> drip(const Answer& answer, const Effect& effect)
    {
        connection_->answer(*stream_, answer);
        for (std::size_t at = 0; at < answer.body.size() && !stream_->closed;
             at += effect.drip_bytes) {
            stream_->answer.append(answer.body, at, effect.drip_bytes);
            connection_->resume(*stream_);
            co_await sent();
            co_await pause(effect.drip_interval);
        }
        stream_->complete = true;
        connection_->resume(*stream_);
        co_return true;
    }

    asio::awaitable<void> gone()
    {
        while (!stream_->closed) co_await stream_->changed.async_wait(use_tuple);
    }

    void cut(bool reset) { connection_->close(reset); }
    void refuse() { connection_->reset(*stream_, NGHTTP2_REFUSED_STREAM); }
    void take_no_more() { connection_->take_no_more(); }

private:
    asio::awaitable<void> sent()
    {
        while (!stream_->closed && stream_->sent < stream_->answer.size()) {
            co_await stream_->changed.async_wait(use_tuple);
        }
    }

    std::shared_ptr<Connection> connection_;
    std::shared_ptr<Stream> stream_;
};

asio::awaitable<void> Connection::serve(std::shared_ptr<Connection> connection,
                                        std::shared_ptr<Stream> stream)
{
    Request request;
    request.method = stream->method;
    request.set_target(stream->target);
    request.authorization = stream->authorization;
    request.if_match = stream->if_match;
    request.body = stream->body;
    request.connection = connection->number_;
    request.tls = true;
    request.http2 = true;
    Wire wire{connection, stream};
    if (!co_await exchange(connection->standin_, request, wire)) {
        connection->reset(*stream, NGHTTP2_INTERNAL_ERROR);
    }
}

}  // namespace

asio::awaitable<void> serve_http2(Standin& standin, asio::ssl::stream<tcp::socket> stream,
                                  std::uint64_t number)
{
    const auto connection = std::make_shared<Connection>(standin, std::move(stream), number);
    try {
        co_await connection->run();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "standin: connection %ju failed: %s\n", std::uintmax_t{number},
                     error.what());
    }
}

}  // namespace meetlink::standin
