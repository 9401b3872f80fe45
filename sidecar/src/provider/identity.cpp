#include "provider/identity.hpp"

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <new>

#include "base/text.hpp"

namespace meetlink::provider {

namespace {

struct DigestFree {
    void operator()(EVP_MD* digest) const noexcept { EVP_MD_free(digest); }
};

/// Fetched once: to find it by its name takes OpenSSL as long as to compute it.
const EVP_MD* sha256()
{
    static const std::unique_ptr<EVP_MD, DigestFree> digest{
        EVP_MD_fetch(nullptr, "SHA256", nullptr)};
    return digest.get();
}

}  // namespace

std::string fingerprint(std::initializer_list<std::string_view> parts)
{
    std::string text;
    for (const std::string_view part : parts) {
        text.append(part);
        text += '\0';
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, sha256(), nullptr) != 1) {
        throw std::bad_alloc();
    }
    constexpr std::size_t used = 20;  // 160 bits are 32 characters without a remainder
    return base32hex(std::string_view(reinterpret_cast<const char*>(digest.data()), used));
}

}  // namespace meetlink::provider
