#include "base/wiping_memory.hpp"

#include <curl/curl.h>
#include <malloc.h>
#include <openssl/crypto.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace meetlink {
namespace {

void wipe_and_free(void* block, std::size_t size) noexcept
{
    explicit_bzero(block, size);
    std::free(block);
}

void wiping_free(void* block) noexcept
{
    if (block != nullptr) {
        wipe_and_free(block, malloc_usable_size(block));
    }
}

void* wiping_realloc(void* block, std::size_t size) noexcept
{
    if (block == nullptr) {
        return std::malloc(size);
    }
    const std::size_t had = malloc_usable_size(block);
    if (size > 0 && size <= had) {
        return block;
    }
    void* const moved = size > 0 ? std::malloc(size) : nullptr;
    if (moved != nullptr) {
        std::memcpy(moved, block, had);
    }
    if (moved != nullptr || size == 0) {
        wiping_free(block);
    }
    return moved;
}

}  // namespace

void wipe_freed_memory() noexcept
{
    CRYPTO_set_mem_functions(
        [](std::size_t size, const char*, int) noexcept { return std::malloc(size); },
        [](void* block, std::size_t size, const char*, int) noexcept {
            return wiping_realloc(block, size);
        },
        [](void* block, const char*, int) noexcept { wiping_free(block); });
    curl_global_init_mem(CURL_GLOBAL_DEFAULT, std::malloc, wiping_free, wiping_realloc, strdup,
                         std::calloc);
}

}  // namespace meetlink

#if defined(__SANITIZE_ADDRESS__)
#define MEETLINK_OWN_ALLOCATOR 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEETLINK_OWN_ALLOCATOR 0
#endif
#endif

// AddressSanitizer brings operators of its own, which find more.
#ifndef MEETLINK_OWN_ALLOCATOR

void* operator new(std::size_t size)
{
    for (;;) {
        if (void* const block = std::malloc(size > 0 ? size : 1)) {
            return block;
        }
        const auto handler = std::get_new_handler();
        if (handler == nullptr) {
            throw std::bad_alloc{};
        }
        handler();
    }
}

void operator delete(void* block) noexcept
{
    meetlink::wiping_free(block);
}

void operator delete(void* block, std::size_t size) noexcept
{
    if (block != nullptr) {
        meetlink::wipe_and_free(block, size);
    }
}

#endif
