#pragma once

#include <chrono>
#include <optional>

#include "claimer/claim.hpp"
#include "failure.hpp"
#include "provider/provider.hpp"

namespace meetlink::job {

/// Why no meeting can be made for this claim, whatever the provider would say; nothing: go on.
/// `provider` is null when no provider has the session's name.
[[nodiscard]] std::optional<Failure> cannot_start(const Claim& claim,
                                                  const provider::Provider* provider,
                                                  std::chrono::system_clock::time_point now);

}  // namespace meetlink::job
