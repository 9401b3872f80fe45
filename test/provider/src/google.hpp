#pragma once

#include <json/value.h>

#include "standin.hpp"

namespace meetlink::standin {

/// Google's token endpoint and Calendar API v3 (PROVIDERS.md 1.1 to 1.8) over the stand-in's state.
class Google {
public:
    explicit Google(Standin& standin) : standin_(standin), now_(standin.clock.now()) {}

    [[nodiscard]] Answer act(const Call& call, const Request& request, const Effect* effect);

private:
    [[nodiscard]] Answer token(const Request& request);
    [[nodiscard]] Answer revoke(const Request& request);

    [[nodiscard]] Answer insert(Account& account, const Request& request, const Effect* effect);
    [[nodiscard]] Answer get(Account& account, Meeting& event);
    [[nodiscard]] Answer update(Account& account, Meeting& event, const Request& request,
                                const Effect* effect);
    [[nodiscard]] Answer remove(Meeting& event, const Request& request);
    [[nodiscard]] Answer list(Account& account, const Request& request, const Effect* effect);
    [[nodiscard]] Answer calendar(const Account& account);

    [[nodiscard]] Answer error(std::string_view name) const;

    Standin& standin_;
    Time now_;
};

}  // namespace meetlink::standin
