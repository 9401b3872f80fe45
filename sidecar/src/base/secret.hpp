#pragma once

#include <openssl/crypto.h>

#include <cstddef>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace meetlink {

/// Wipes the whole capacity of a string and empties it: also what a shorter value, or a move out of
/// a small string, left behind its end.
inline void cleanse(std::string& text) noexcept
{
    text.resize(text.capacity());
    OPENSSL_cleanse(text.data(), text.size());
    text.clear();
}

/// Overwrites memory before it goes back to `Upstream`, so that every path that frees it (death,
/// reallocation, assignment, an exception) wipes it, none of which a caller could forget.
template <typename T, typename Upstream = std::allocator<T>>
class CleansingAllocator {
public:
    using value_type = T;

    CleansingAllocator() = default;
    template <typename U, typename V>
    // NOLINTNEXTLINE(google-explicit-constructor): the allocator requirements want it implicit
    constexpr CleansingAllocator(const CleansingAllocator<U, V>&) noexcept
    {
    }

    [[nodiscard]] T* allocate(std::size_t n) { return Upstream{}.allocate(n); }
    void deallocate(T* p, std::size_t n) noexcept
    {
        OPENSSL_cleanse(p, n * sizeof(T));
        Upstream{}.deallocate(p, n);
    }

    [[nodiscard]] bool operator==(const CleansingAllocator&) const noexcept { return true; }
};

/// Text that must never be printed and is wiped from memory when it dies. There is no operator<< and
/// no implicit conversion: `reveal()` marks, greppably, each place that uses the plain text.
///
/// A vector, not a string: a string keeps short text inside itself, where a move leaves it behind.
/// Moves here pass the one buffer on, so the special members need no code.
template <typename Allocator>
class BasicSecret {
public:
    BasicSecret() = default;
    explicit BasicSecret(std::string_view text) : bytes_(text.begin(), text.end()) {}
    explicit BasicSecret(const char* text) : BasicSecret(std::string_view{text}) {}
    /// Takes the text away from `text`, which is wiped.
    explicit BasicSecret(std::string&& text) : BasicSecret(std::string_view{text})
    {
        cleanse(text);
    }
    /// `size` zero bytes, to be filled through data(), so that plain text needs no other buffer.
    [[nodiscard]] static BasicSecret of_size(std::size_t size)
    {
        BasicSecret result;
        result.bytes_.resize(size);
        return result;
    }

    [[nodiscard]] std::string_view reveal() const { return {bytes_.data(), bytes_.size()}; }
    [[nodiscard]] bool empty() const { return bytes_.empty(); }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    [[nodiscard]] char* data() { return bytes_.data(); }
    /// Shortens; what is cut off is wiped at once.
    void truncate(std::size_t size)
    {
        if (size < bytes_.size()) {
            OPENSSL_cleanse(bytes_.data() + size, bytes_.size() - size);
            bytes_.resize(size);
        }
    }

    /// The time it takes depends on the lengths, not on the contents.
    [[nodiscard]] bool operator==(const BasicSecret& other) const
    {
        return bytes_.size() == other.bytes_.size() &&
               CRYPTO_memcmp(bytes_.data(), other.bytes_.data(), bytes_.size()) == 0;
    }

    friend std::ostream& operator<<(std::ostream&, const BasicSecret&) = delete;

private:
    std::vector<char, Allocator> bytes_;
};

using Secret = BasicSecret<CleansingAllocator<char>>;

}  // namespace meetlink
