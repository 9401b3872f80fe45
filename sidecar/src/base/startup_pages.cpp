#include "base/startup_pages.hpp"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace meetlink {
namespace {

/// Never a segment that is writable: MADV_DONTNEED would undo what was written to it (madvise(2)).
int release_segments(dl_phdr_info* object, std::size_t, void*) noexcept
{
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    for (int number = 0; number < object->dlpi_phnum; ++number) {
        const auto& segment = object->dlpi_phdr[number];
        if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) {
            continue;
        }
        const std::uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
        const std::uintptr_t aligned = begin / page * page;
        // NOLINTNEXTLINE(performance-no-int-to-ptr): that is how the dynamic linker tells it
        ::madvise(reinterpret_cast<void*>(aligned), begin + segment.p_memsz - aligned,
                  MADV_DONTNEED);
    }
    return 0;
}

}  // namespace

void release_startup_pages() noexcept
{
    ::dl_iterate_phdr(&release_segments, nullptr);
}

}  // namespace meetlink
