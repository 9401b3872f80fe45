#pragma once

#include <json/value.h>

#include "standin.hpp"

namespace meetlink::standin {

/// Zoom's token endpoint and Meetings API (PROVIDERS.md 2.1 to 2.4) over the stand-in's state.
class Zoom {
public:
    explicit Zoom(Standin& standin) : standin_(standin), now_(standin.clock.now()) {}

    [[nodiscard]] Answer act(const Call& call, const Request& request, const Effect* effect);
    /// A meeting made from a create body, without checks or limits; used for "made by a human" too.
    Meeting& make(Account& account, const Json::Value& body, bool by_human);

private:
    [[nodiscard]] Answer token(const Request& request);
    [[nodiscard]] Answer revoke(const Request& request);

    [[nodiscard]] Answer create(Account& account, const Request& request);
    [[nodiscard]] Answer get(const Meeting& meeting);
    [[nodiscard]] Answer update(Account& account, Meeting& meeting, const Request& request);
    [[nodiscard]] Answer list(Account& account, const Request& request, const Effect* effect);
    [[nodiscard]] Answer status(Meeting& meeting, const Request& request);

    /// Counts a create or update against the day's limit; false when it is used up.
    [[nodiscard]] bool take_daily(Account& account);
    [[nodiscard]] Answer error(std::string_view name) const;

    Standin& standin_;
    Time now_;
};

}  // namespace meetlink::standin
