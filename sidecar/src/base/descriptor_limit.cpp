#include "base/descriptor_limit.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace meetlink {

std::size_t allow_descriptors(std::size_t wanted) noexcept
{
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    if (limit.rlim_cur < wanted) {
        const auto before = limit.rlim_cur;
        limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
        if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            return before;
        }
    }
    return limit.rlim_cur;
}

}  // namespace meetlink
