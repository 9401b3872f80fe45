#include "provider/identity.hpp"

#include <openssl/sha.h>

#include <array>

#include "base/text.hpp"

namespace meetlink::provider {

std::string fingerprint(std::initializer_list<std::string_view> parts)
{
    std::string text;
    for (const std::string_view part : parts) {
        text.append(part);
        text += '\0';
    }
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    constexpr std::size_t used = 20;  // 160 bits are 32 characters without a remainder
    return base32hex(std::string_view(reinterpret_cast<const char*>(digest.data()), used));
}

}  // namespace meetlink::provider
