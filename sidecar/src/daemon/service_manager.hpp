#pragma once

#include <string_view>

namespace meetlink::daemon {

/// Tells systemd about a change of state ("READY=1", "STOPPING=1"; sd_notify(3)). Does nothing when
/// NOTIFY_SOCKET is not set.
void tell_service_manager(std::string_view state) noexcept;

}  // namespace meetlink::daemon
