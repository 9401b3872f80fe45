#include "token/reencrypt.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "log/log.hpp"
#include "postgres/rows.hpp"

namespace meetlink::token {

namespace asio = boost::asio;
using Text = std::optional<std::string>;

namespace {

constexpr postgres::Statement page_statement{
    "connections_page",
    "select owner::text as owner_id, provider, access_token, refresh_token "
    "from meetlink.connection where (owner::text, provider) > ($1, $2) "
    "order by owner::text, provider limit 500"};

constexpr postgres::Statement count_statement{"connections_count",
                                              "select count(*) as total from meetlink.connection"};

constexpr std::chrono::seconds lease_time{10};
constexpr std::chrono::milliseconds look_again{200};
constexpr int looks = 300;  // a minute: longer than any refresh holds its lease

enum class Step { rewritten, current, unreadable, busy };

/// One column: its new ciphertext, itself when it is current already; a failure when no key opens it.
Result<Text> renewed(const Text& stored, const Cipher& cipher, Format configured,
                     const std::string& context)
{
    if (!stored || stored->empty()) {
        return stored;
    }
    auto opened = cipher.decrypt(*stored, context);
    if (!opened) {
        return std::move(opened).failure();
    }
    const auto format = format_to_write(opened->format, configured);
    if (opened->with_current_key && opened->format == format) {
        return stored;
    }
    return Text{cipher.encrypt(opened->text, format, context)};
}

struct Pair {
    Text access;
    Text refresh;
};

Result<Pair> renewed(const Pair& stored, const Cipher& cipher, Format configured,
                     const std::string& context)
{
    auto access = renewed(stored.access, cipher, configured, context);
    if (!access) {
        return access.failure();
    }
    auto refresh = renewed(stored.refresh, cipher, configured, context);
    if (!refresh) {
        return refresh.failure();
    }
    return Pair{.access = std::move(*access), .refresh = std::move(*refresh)};
}

asio::awaitable<postgres::Expected<Step>> rewrite(Store& store, const Cipher& cipher,
                                                  Format configured, ConnectionKey key)
{
    const auto context = key.text();
    asio::steady_timer timer{co_await asio::this_coro::executor};
    for (int look = 0; look < looks; ++look) {
        const auto lease = co_await store.begin_refresh(key, lease_time);
        if (!lease) {
            co_return lease.error();
        }
        if (lease->granted) {
            const Pair stored{.access = lease->stored.access, .refresh = lease->stored.refresh};
            const auto fresh = renewed(stored, cipher, configured, context);
            const bool current =
                fresh && fresh->access == stored.access && fresh->refresh == stored.refresh;
            if (!fresh || current || !lease->stored.found) {
                std::optional<Failure> nothing_wrong;
                co_await store.end_refresh(key, lease->fence, nothing_wrong);
                co_return fresh ? Step::current : Step::unreadable;
            }
            const auto written = co_await store.replace_ciphertext(key, lease->fence, lease->stored,
                                                                   fresh->access, fresh->refresh);
            if (!written) {
                co_return written.error();
            }
            if (*written) {
                co_return Step::rewritten;
            }
        }
        timer.expires_after(look_again);
        boost::system::error_code ignored;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    co_return Step::busy;
}

void report(std::string_view event, std::string_view message, const Reencrypted& so_far)
{
    log::info(event, message,
              {{"of", so_far.total},
               {"rewritten", so_far.rewritten},
               {"current", so_far.current},
               {"unreadable", so_far.unreadable},
               {"busy", so_far.busy}});
}

}  // namespace

asio::awaitable<postgres::Expected<Reencrypted>> reencrypt(postgres::Session& session, Store& store,
                                                           const Cipher& cipher, Format configured)
{
    Reencrypted so_far;
    const auto counted = co_await session.query_until_answered(count_statement, {});
    if (!counted) {
        co_return counted.error();
    }
    so_far.total = counted->only().get<std::int64_t>("total");
    ConnectionKey last;
    for (;;) {
        std::vector<postgres::Parameter> after{last.owner_id, last.provider};
        const auto page = co_await session.query_until_answered(page_statement, std::move(after));
        if (!page) {
            co_return page.error();
        }
        if (page->size() == 0) {
            break;
        }
        for (std::size_t n = 0; n < page->size(); ++n) {
            const auto row = (*page)[n];
            last = {.owner_id = row.get<std::string>("owner_id"),
                    .provider = row.get<std::string>("provider")};
            const Pair stored{.access = row.get<Text>("access_token"),
                              .refresh = row.get<Text>("refresh_token")};
            const auto fresh = renewed(stored, cipher, configured, last.text());
            if (fresh && fresh->access == stored.access && fresh->refresh == stored.refresh) {
                ++so_far.current;
                continue;
            }
            const auto step = co_await rewrite(store, cipher, configured, last);
            if (!step) {
                co_return step.error();
            }
            if (*step == Step::unreadable) {
                log::warning("not_reencrypted", "no configured key opens a connection's tokens",
                             {{"owner", last.owner_id}, {"provider", last.provider}});
            }
            so_far.rewritten += *step == Step::rewritten ? 1 : 0;
            so_far.current += *step == Step::current ? 1 : 0;
            so_far.unreadable += *step == Step::unreadable ? 1 : 0;
            so_far.busy += *step == Step::busy ? 1 : 0;
        }
        report("reencrypting", "encrypting tokens anew", so_far);
    }
    report("reencrypted", "encrypted tokens anew", so_far);
    co_return so_far;
}

}  // namespace meetlink::token
