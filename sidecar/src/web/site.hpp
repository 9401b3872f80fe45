#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "config/config.hpp"
#include "web/caller.hpp"
#include "web/event_hub.hpp"
#include "web/gateway.hpp"
#include "web/message.hpp"
#include "web/server.hpp"

namespace meetlink::web {

/// What the daemon knows of itself.
struct Readiness {
    bool database = false;     ///< it answers, and can be worked on
    bool listening = false;    ///< notifications arrive
    std::string problem = {};  ///< why the database cannot be worked on, where it says so
};

struct Callbacks {
    std::function<boost::asio::awaitable<Readiness>()> readiness;
    /// Prometheus's text format.
    std::function<boost::asio::awaitable<std::string>()> metrics;
    /// Runs a statement as the daemon.
    EventHub::Ask ask;
};

/// The daemon's HTTP side: which path and method means what, and its start and end (README "HTTP").
class Site {
public:
    Site(boost::asio::any_io_executor executor, const config::Http& http,
         postgres::Conninfo conninfo, Callbacks callbacks);

    /// Reads the key and takes the address; or says what a person must change.
    [[nodiscard]] std::optional<std::string> open();

    /// A notification of channel meetlink_events.
    void heard(std::string_view payload) { hub_.heard(payload); }

    /// No new requests, no more event streams; those that wait for an outcome may still get it.
    void close();
    /// Ends what is still being served at `deadline`.
    [[nodiscard]] boost::asio::awaitable<void> closed_by(Condition::Clock::time_point deadline);

private:
    using Served = boost::asio::awaitable<Answer>;
    struct Route;

    [[nodiscard]] Served dispatch(const Request& request);
    [[nodiscard]] Served serve(const Request& request);
    [[nodiscard]] Served retry_meeting_link(const Request& request);
    [[nodiscard]] Served create_missing(const Request& request);
    [[nodiscard]] Served events(const Request& request);
    [[nodiscard]] Served healthz(const Request& request);
    [[nodiscard]] Served readyz(const Request& request);
    [[nodiscard]] Served metrics(const Request& request);

    const config::Http& config_;
    Callbacks callbacks_;
    std::optional<Callers> callers_;
    Gateway gateway_;
    EventHub hub_;
    Server server_;
    Condition stopping_;
};

/// The verifier that the configuration asks for, nothing without a key; or why its key is unusable.
[[nodiscard]] std::variant<std::optional<TokenVerifier>, std::string> make_verifier(
    const config::Http& http);

}  // namespace meetlink::web
