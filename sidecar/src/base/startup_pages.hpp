#pragma once

namespace meetlink {

/// Gives back the pages of program and libraries that are resident, as clean copies of their files: half of them were
/// needed for starting only (5 MB). One that is needed again costs a minor fault.
void release_startup_pages() noexcept;

}  // namespace meetlink
