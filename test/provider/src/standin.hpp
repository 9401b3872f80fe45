#pragma once

#include <boost/asio/any_io_executor.hpp>

#include "clock.hpp"
#include "effect.hpp"
#include "faults.hpp"
#include "journal.hpp"
#include "message.hpp"
#include "operation.hpp"
#include "store.hpp"

namespace meetlink::standin {

/// What a test may set for the whole stand-in.
struct Settings {
    seconds page_token_life{15 * 60};  ///< Zoom's next_page_token (PROVIDERS.md 2.2)
};

/// The two providers behind one event loop: state and behaviour, without any socket.
class Standin {
public:
    explicit Standin(boost::asio::any_io_executor executor) : faults(std::move(executor)) {}

    /// Recognises a request; changes nothing.
    [[nodiscard]] Call route(const Request& request);
    /// Does what the provider would do. `effect` is null unless a fault changes the deed itself.
    [[nodiscard]] Answer act(const Call& call, const Request& request, const Effect* effect);
    /// Everything as after the start.
    void reset();

    Clock clock;
    Settings settings;
    Store store;
    Faults faults;
    Journal journal;
};

}  // namespace meetlink::standin
