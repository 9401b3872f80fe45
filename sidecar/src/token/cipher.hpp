#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "config/config.hpp"
#include "failure.hpp"

namespace meetlink::token {

/// How a stored token is encrypted.
///   aes_256_cbc  hex(iv 16) ":" hex(ciphertext), PKCS#7; the application's own format (APP.md)
///   aes_256_gcm  "v2:" hex(nonce 12) ":" hex(ciphertext) ":" hex(tag 16), bound to its connection
using Format = config::Cipher;

struct Decrypted {
    Secret text;
    Format format{};  ///< the format it was stored in
    bool with_current_key =
        true;  ///< false: one of the previous keys fitted; worth encrypting anew
};

/// The format in which to store the token that replaces one read as `read`: the same, so that the
/// application still understands it, except that aes_256_gcm, once configured, is never undone.
[[nodiscard]] constexpr Format format_to_write(Format read, Format configured)
{
    return configured == Format::aes_256_gcm ? configured : read;
}

/// Reads and writes the application's token columns. Keys are derived once and wiped at the end.
///
/// `context` names the connection that a token belongs to (owner and provider). It is the associated
/// data of aes_256_gcm: a ciphertext copied to another row does not decrypt there. CBC ignores it.
class Cipher {
public:
    /// `key` and each of `previous` are the strings the application calls TOKEN_ENCRYPTION_KEY.
    /// Throws std::runtime_error when OpenSSL lacks an algorithm.
    explicit Cipher(const Secret& key, std::span<const Secret> previous = {});

    /// Fails with token_malformed when `stored` has none of the formats, whatever the key, and with
    /// token_undecryptable when no key opens it. The detail never quotes `stored`.
    [[nodiscard]] Result<Decrypted> decrypt(std::string_view stored,
                                            std::string_view context) const;

    /// Encrypts with the current key and fresh randomness. Throws std::invalid_argument for text that
    /// decrypt would not accept as a token, std::runtime_error when OpenSSL fails.
    [[nodiscard]] std::string encrypt(const Secret& text, Format format,
                                      std::string_view context) const;

private:
    /// Both keys come from one configured string, but neither is used for the other's mode.
    struct Keys {
        Secret cbc;  ///< SHA-256 of the string (APP.md)
        Secret gcm;  ///< HKDF-SHA256 of `cbc`, no salt, info "meetlink token v2 aes-256-gcm"
    };
    [[nodiscard]] static Keys derive(const Secret& key);

    std::vector<Keys> keys_;  ///< the current one first
};

/// What a token may look like: 1 to 262144 characters of printable ASCII (RFC 6749 A.12, VSCHAR).
[[nodiscard]] bool looks_like_token(std::string_view text);

}  // namespace meetlink::token
