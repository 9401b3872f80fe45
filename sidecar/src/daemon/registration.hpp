#pragma once

#include <cstdint>
#include <string>

namespace meetlink::daemon {

/// This process as the database knows it (meetlink.register_daemon).
struct Registration {
    std::int64_t daemon_id = 0;
    std::string tenant;  ///< stable random id of the database
};

}  // namespace meetlink::daemon
