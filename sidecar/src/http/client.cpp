#include "http/client.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <new>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "http/authorities.hpp"
#include "http/multi.hpp"
#include "http/transfer.hpp"

namespace meetlink::http {
namespace {

namespace asio = boost::asio;

constexpr std::size_t max_idle_handles = 256;

struct ShareCleanup {
    void operator()(CURLSH* share) const noexcept { curl_share_cleanup(share); }
};

/// curl_global_init() once for the process.
void start_libcurl()
{
    static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (started != CURLE_OK) {
        throw std::bad_alloc();
    }
}

asio::awaitable<Response> not_sent(std::string why, std::string host)
{
    Response response;
    response.fault = Fault::not_sent;
    response.fault_detail = std::move(why);
    response.host = std::move(host);
    co_return response;
}

}  // namespace

/// Shared with the coroutines under way, which may outlive the Client by one turn of the loop.
struct Client::State {
    using Clock = std::chrono::steady_clock;

    struct Running {
        Transfer* transfer;
        asio::steady_timer* finished;
        std::shared_ptr<Multi> multi;
    };

    State(asio::any_io_executor loop, ClientOptions client_options)
        : executor(std::move(loop)), options(std::move(client_options)), share(curl_share_init())
    {
        if (!share) {
            throw std::bad_alloc();
        }
        if (options.ca_file.empty()) {
            options.ca_file = system_authorities();
        }
        // one thread, hence no lock functions
        curl_share_setopt(share.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    }

    /// The connections for the next request.
    [[nodiscard]] const std::shared_ptr<Multi>& connections()
    {
        if (multiplex && Clock::now() >= renewal) {
            multi.reset();  // libcurl looks at the age of idle connections only
        }
        if (!multi) {
            multi = std::make_shared<Multi>(
                executor, multiplex, [this](CURL* easy, CURLcode result) { finish(easy, result); });
            // room for two hosts of each of two providers, at half of their cap
            multi->set_connection_limits(options.connections_per_host,
                                         2 * options.connections_per_host);
            renewal = Clock::now() + max_connection_age;
        }
        return multi;
    }

    [[nodiscard]] EasyHandle take_handle()
    {
        if (!idle.empty()) {
            EasyHandle easy = std::move(idle.back());
            idle.pop_back();
            return easy;
        }
        return prepared_handle(options, share.get());
    }

    /// Nearly all requests go to the address of the one before.
    [[nodiscard]] const std::optional<Url>& parsed(const std::string& address)
    {
        if (address != last_address) {
            last_address.clear();
            last_url = parse_url(address);
            last_address = address;
        }
        return last_url;
    }

    void start(Transfer& transfer, asio::steady_timer& finished)
    {
        const auto connections = this->connections();
        running.emplace(transfer.handle(), Running{&transfer, &finished, connections});
        if (connections->add(transfer.handle()) != CURLM_OK) {
            finish(transfer.handle(), CURLE_FAILED_INIT);
        }
    }

    void finish(CURL* easy, CURLcode result)
    {
        const auto found = running.find(easy);
        if (found == running.end()) {
            return;
        }
        const Running ended = std::move(found->second);
        running.erase(found);
        ended.transfer->finish(result);
        // A shared connection outlives the request that got no answer on it, and may be dead. The others on it
        // may still get theirs.
        if (multiplex && ended.multi == multi &&
            ended.transfer->response().fault == Fault::timed_out) {
            multi.reset();
        }
        ended.finished->cancel();  // wakes the coroutine, in a later turn
    }

    void close() noexcept
    {
        closed = true;
        while (!running.empty()) {
            const auto [easy, transfer] = *running.begin();
            transfer.multi->remove(easy);
            finish(easy, CURLE_ABORTED_BY_CALLBACK);
        }
        multi.reset();
    }

    asio::any_io_executor executor;
    ClientOptions options;
    const bool multiplex = options.version == Version::http_2;
    std::unique_ptr<CURLSH, ShareCleanup> share;  // outlives every easy handle
    std::vector<EasyHandle> idle;
    std::unordered_map<CURL*, Running> running;
    std::shared_ptr<Multi> multi;  ///< for new requests; one before it ends with its last request
    Clock::time_point renewal;
    std::string last_address;
    std::optional<Url> last_url;
    bool closed = false;
};

namespace {

/// Takes a transfer off its client however the awaiting coroutine ends.
class Guard {
public:
    Guard(std::shared_ptr<Client::State> state, Transfer& transfer)
        : state_(std::move(state)), transfer_(transfer)
    {
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard()
    {
        if (const auto found = state_->running.extract(transfer_.handle())) {
            found.mapped().multi->remove(transfer_.handle());
        }
        if (!state_->closed && transfer_.leaves_no_trace() &&
            state_->idle.size() < max_idle_handles) {
            state_->idle.push_back(transfer_.release());
        }
    }

private:
    std::shared_ptr<Client::State> state_;
    Transfer& transfer_;
};

/// A transfer, and the client that it must not outlive.
struct Exchange {
    std::shared_ptr<Client::State> state;
    std::unique_ptr<Transfer> transfer;
};

asio::awaitable<Response> answer_of(Exchange exchange)
{
    const auto& [state, transfer] = exchange;
    asio::steady_timer finished(co_await asio::this_coro::executor,
                                asio::steady_timer::time_point::max());
    const Guard guard(state, *transfer);
    state->start(*transfer, finished);
    while (!transfer->finished()) {
        boost::system::error_code woken;
        co_await finished.async_wait(asio::redirect_error(asio::use_awaitable, woken));
        if (!transfer->finished()) {
            throw boost::system::system_error(asio::error::operation_aborted);
        }
    }
    co_return std::move(transfer->response());
}

}  // namespace

Client::Client(asio::any_io_executor executor, ClientOptions options)
{
    start_libcurl();
    state_ = std::make_shared<State>(std::move(executor), std::move(options));
}

Client::~Client()
{
    state_->close();
}

void Client::close() noexcept
{
    state_->close();
}

asio::awaitable<Response> Client::send(Request request)
{
    const auto& url = state_->parsed(request.url);
    std::string host = url ? url->host : "";
    if (state_->closed) {
        return not_sent("the client is shutting down", std::move(host));
    }
    if (auto problem = request_problem(request, url)) {
        return not_sent(*std::move(problem), std::move(host));
    }
    auto transfer = std::make_unique<Transfer>(state_->take_handle(), std::move(request),
                                               std::move(host), state_->options);
    return answer_of({.state = state_, .transfer = std::move(transfer)});
}

}  // namespace meetlink::http
