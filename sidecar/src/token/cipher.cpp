#include "token/cipher.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <concepts>
#include <memory>
#include <optional>
#include <stdexcept>
#include <variant>

#include "base/text.hpp"

namespace meetlink::token {
namespace {

constexpr std::size_t block = 16;
constexpr std::size_t iv_size = 16;
constexpr std::size_t nonce_size = 12;
constexpr std::size_t tag_size = 16;
constexpr std::size_t key_size = 32;
constexpr std::size_t longest_token = std::size_t{256} * 1024;
constexpr std::string_view gcm_prefix = "v2:";
constexpr std::string_view gcm_key_info = "meetlink token v2 aes-256-gcm";

struct CipherContextDeleter {
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, CipherContextDeleter>;

/// For calls that fail only when OpenSSL itself is broken or out of memory.
void must(bool done, const char* what)
{
    if (!done) {
        throw std::runtime_error(std::string("OpenSSL: ") + what + " failed");
    }
}

CipherContext new_context()
{
    CipherContext context(EVP_CIPHER_CTX_new());
    must(context != nullptr, "EVP_CIPHER_CTX_new");
    return context;
}

const unsigned char* bytes(std::string_view text)
{
    return reinterpret_cast<const unsigned char*>(text.data());
}

template <typename Text>
requires std::same_as<Text, Secret> || std::same_as<Text, std::string>
unsigned char* bytes(Text& text)
{
    return reinterpret_cast<unsigned char*>(text.data());
}

/// A stored token taken apart; nothing is decrypted yet.
struct Envelope {
    Format format{};
    std::string nonce;  ///< CBC: the IV
    std::string ciphertext;
    std::string tag;  ///< GCM only
};

/// The parts of a stored token, or what is wrong with its form.
std::variant<Envelope, std::string> take_apart(std::string_view stored)
{
    if (stored.empty()) {
        return "it is empty";
    }
    // IV, tag and separators need less than 256 characters; CBC pads by up to one block
    if (stored.size() > 2 * (longest_token + block) + 256) {
        return "it has " + std::to_string(stored.size()) + " characters";
    }
    const bool gcm = stored.starts_with(gcm_prefix);
    std::vector<std::string> parts;
    for (std::string_view rest = gcm ? stored.substr(gcm_prefix.size()) : stored;;) {
        const std::size_t colon = rest.find(':');
        auto part = unhex(rest.substr(0, colon));
        if (!part) {
            return "part " + std::to_string(parts.size() + 1) + " is not hexadecimal";
        }
        parts.push_back(std::move(*part));
        if (colon == std::string_view::npos) {
            break;
        }
        rest.remove_prefix(colon + 1);
    }
    const std::size_t expected = gcm ? 3 : 2;
    if (parts.size() != expected) {
        return "it has " + std::to_string(parts.size()) + " parts instead of " +
               std::to_string(expected);
    }
    const std::size_t expected_nonce = gcm ? nonce_size : iv_size;
    if (parts[0].size() != expected_nonce) {
        return "its initialisation vector has " + std::to_string(parts[0].size()) +
               " bytes instead of " + std::to_string(expected_nonce);
    }
    if (parts[1].empty()) {
        return "its ciphertext is empty";
    }
    if (!gcm && parts[1].size() % block != 0) {
        return "its ciphertext has " + std::to_string(parts[1].size()) +
               " bytes, not a multiple of 16";
    }
    if (gcm && parts[2].size() != tag_size) {
        return "its tag has " + std::to_string(parts[2].size()) + " bytes instead of 16";
    }
    return Envelope{gcm ? Format::aes_256_gcm : Format::aes_256_cbc, std::move(parts[0]),
                    std::move(parts[1]), gcm ? std::move(parts[2]) : std::string{}};
}

std::optional<Secret> open_cbc(const Envelope& envelope, const Secret& key)
{
    const CipherContext context = new_context();
    Secret plain = Secret::of_size(envelope.ciphertext.size() + block);
    int head = 0;
    int tail = 0;
    must(EVP_DecryptInit_ex(context.get(), EVP_aes_256_cbc(), nullptr, bytes(key.reveal()),
                            bytes(envelope.nonce)) == 1 &&
             EVP_DecryptUpdate(context.get(), bytes(plain), &head, bytes(envelope.ciphertext),
                               static_cast<int>(envelope.ciphertext.size())) == 1,
         "AES-256-CBC");
    if (EVP_DecryptFinal_ex(context.get(), bytes(plain) + head, &tail) != 1) {
        ERR_clear_error();    // or libcurl's next TLS call takes it for its own
        return std::nullopt;  // the padding is wrong
    }
    plain.truncate(static_cast<std::size_t>(head) + static_cast<std::size_t>(tail));
    return plain;
}

std::optional<Secret> open_gcm(const Envelope& envelope, const Secret& key, std::string_view aad)
{
    const CipherContext context = new_context();
    Secret plain = Secret::of_size(envelope.ciphertext.size());
    std::string tag = envelope.tag;
    int size = 0;
    int tail = 0;
    must(EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes(key.reveal()),
                            bytes(envelope.nonce)) == 1 &&
             EVP_DecryptUpdate(context.get(), nullptr, &size, bytes(aad),
                               static_cast<int>(aad.size())) == 1 &&
             EVP_DecryptUpdate(context.get(), bytes(plain), &size, bytes(envelope.ciphertext),
                               static_cast<int>(envelope.ciphertext.size())) == 1 &&
             EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(tag.size()),
                                 bytes(tag)) == 1,
         "AES-256-GCM");
    if (EVP_DecryptFinal_ex(context.get(), bytes(plain) + size, &tail) != 1) {
        ERR_clear_error();
        return std::nullopt;  // the tag is wrong
    }
    return plain;
}

std::string seal_cbc(const Secret& text, const Secret& key)
{
    const CipherContext context = new_context();
    std::string iv(iv_size, '\0');
    must(RAND_bytes(bytes(iv), static_cast<int>(iv.size())) == 1, "RAND_bytes");
    std::string sealed(text.size() + block, '\0');
    int head = 0;
    int tail = 0;
    must(EVP_EncryptInit_ex(context.get(), EVP_aes_256_cbc(), nullptr, bytes(key.reveal()),
                            bytes(iv)) == 1 &&
             EVP_EncryptUpdate(context.get(), bytes(sealed), &head, bytes(text.reveal()),
                               static_cast<int>(text.size())) == 1 &&
             EVP_EncryptFinal_ex(context.get(), bytes(sealed) + head, &tail) == 1,
         "AES-256-CBC");
    sealed.resize(static_cast<std::size_t>(head) + static_cast<std::size_t>(tail));
    return hex(iv) + ':' + hex(sealed);
}

std::string seal_gcm(const Secret& text, const Secret& key, std::string_view aad)
{
    const CipherContext context = new_context();
    std::string nonce(nonce_size, '\0');
    std::string tag(tag_size, '\0');
    must(RAND_bytes(bytes(nonce), static_cast<int>(nonce.size())) == 1, "RAND_bytes");
    std::string sealed(text.size(), '\0');
    int size = 0;
    int tail = 0;
    must(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes(key.reveal()),
                            bytes(nonce)) == 1 &&
             EVP_EncryptUpdate(context.get(), nullptr, &size, bytes(aad),
                               static_cast<int>(aad.size())) == 1 &&
             EVP_EncryptUpdate(context.get(), bytes(sealed), &size, bytes(text.reveal()),
                               static_cast<int>(text.size())) == 1 &&
             EVP_EncryptFinal_ex(context.get(), bytes(sealed) + size, &tail) == 1 &&
             EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(tag.size()),
                                 bytes(tag)) == 1,
         "AES-256-GCM");
    return std::string(gcm_prefix) + hex(nonce) + ':' + hex(sealed) + ':' + hex(tag);
}

Failure failure(Reason reason, std::string detail)
{
    Failure result;
    result.reason = reason;
    result.stage = Stage::token;
    result.detail = std::move(detail);
    return result;
}

}  // namespace

bool looks_like_token(std::string_view text)
{
    return !text.empty() && text.size() <= longest_token &&
           std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

Cipher::Cipher(const Secret& key, std::span<const Secret> previous)
{
    keys_.reserve(previous.size() + 1);
    keys_.push_back(derive(key));
    for (const Secret& old : previous) {
        keys_.push_back(derive(old));
    }
}

Cipher::Keys Cipher::derive(const Secret& key)
{
    Keys keys{Secret::of_size(key_size), Secret::of_size(key_size)};
    must(SHA256(bytes(key.reveal()), key.size(), bytes(keys.cbc)) != nullptr, "SHA-256");

    struct Deleter {
        void operator()(EVP_PKEY_CTX* context) const noexcept { EVP_PKEY_CTX_free(context); }
    };
    const std::unique_ptr<EVP_PKEY_CTX, Deleter> hkdf(EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr));
    std::size_t size = key_size;
    must(hkdf != nullptr && EVP_PKEY_derive_init(hkdf.get()) == 1 &&
             EVP_PKEY_CTX_set_hkdf_md(hkdf.get(), EVP_sha256()) == 1 &&
             EVP_PKEY_CTX_set1_hkdf_key(hkdf.get(), bytes(keys.cbc.reveal()),
                                        static_cast<int>(key_size)) == 1 &&
             EVP_PKEY_CTX_add1_hkdf_info(hkdf.get(), bytes(gcm_key_info),
                                         static_cast<int>(gcm_key_info.size())) == 1 &&
             EVP_PKEY_derive(hkdf.get(), bytes(keys.gcm), &size) == 1 && size == key_size,
         "HKDF-SHA256");
    return keys;
}

Result<Decrypted> Cipher::decrypt(std::string_view stored, std::string_view context) const
{
    auto parts = take_apart(stored);
    if (const auto* problem = std::get_if<std::string>(&parts)) {
        return failure(Reason::token_malformed, "the stored token cannot be read: " + *problem);
    }
    const Envelope& envelope = std::get<Envelope>(parts);
    for (const Keys& keys : keys_) {
        std::optional<Secret> text = envelope.format == Format::aes_256_gcm
                                         ? open_gcm(envelope, keys.gcm, context)
                                         : open_cbc(envelope, keys.cbc);
        // CBC is not authenticated: with a wrong key the padding passes once in 256 times
        if (text && looks_like_token(text->reveal())) {
            return Decrypted{std::move(*text), envelope.format, &keys == keys_.data()};
        }
    }
    std::string detail = "the stored token cannot be decrypted with the encryption key";
    if (keys_.size() > 1) {
        detail += " or any of " + std::to_string(keys_.size() - 1) + " previous keys";
    }
    return failure(Reason::token_undecryptable, std::move(detail));
}

std::string Cipher::encrypt(const Secret& text, Format format, std::string_view context) const
{
    if (!looks_like_token(text.reveal())) {
        throw std::invalid_argument("not a token: it is empty, too long or not printable ASCII");
    }
    return format == Format::aes_256_gcm ? seal_gcm(text, keys_.front().gcm, context)
                                         : seal_cbc(text, keys_.front().cbc);
}

}  // namespace meetlink::token
