// The application's ciphertext: what `openssl enc` writes is read, what is written `openssl enc` reads,
// a wrong key never yields a token, and every malformed text is told apart from a wrong key.

#include "token/cipher.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>

#include "base/text.hpp"

namespace meetlink::token {
namespace {

const std::string key_text = "the application's TOKEN_ENCRYPTION_KEY \xC3\xA4";
const std::string context = "tutor-1|google_meet";

std::string sha256(std::string_view text)
{
    std::array<unsigned char, 32> digest{};
    unsigned size = 0;
    EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
    return {reinterpret_cast<const char*>(digest.data()), size};
}

/// What `openssl enc <mode> -aes-256-cbc` makes of `input`; empty when the command fails.
std::string openssl_enc(const std::string& mode, std::string_view key, std::string_view iv,
                        std::string_view input)
{
    const std::filesystem::path folder =
        std::filesystem::path(testing::TempDir()) / ("cipher_test." + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "in", std::ios::binary) << input;
    const std::string command = "openssl enc " + mode + " -aes-256-cbc -K " + hex(key) + " -iv " +
                                hex(iv) + " -in '" + (folder / "in").string() + "' -out '" +
                                (folder / "out").string() + "'";
    std::string output;
    if (std::system(command.c_str()) == 0) {  // NOLINT(cert-env33-c): a test's own command
        std::ifstream file(folder / "out", std::ios::binary);
        output.assign(std::istreambuf_iterator<char>(file), {});
    }
    std::filesystem::remove_all(folder);
    return output;
}

std::string text_of(const Result<Decrypted>& result)
{
    return result ? std::string((*result).text.reveal()) : result.failure().detail;
}

TEST(Cipher, ReadsWhatTheOpensslCommandWrites)
{
    const Cipher cipher{Secret(key_text)};
    const std::string iv = *unhex("000102030405060708090a0b0c0d0e0f");
    for (const std::string& token :
         {std::string("x"), std::string("ya29.a0AfH6_token-with~signs"), std::string(15, 'a'),
          std::string(16, 'a'), std::string(2048, 'b')}) {
        const std::string sealed = openssl_enc("-e", sha256(key_text), iv, token);
        ASSERT_FALSE(sealed.empty()) << "the openssl command did not run";
        const auto opened = cipher.decrypt(hex(iv) + ":" + hex(sealed), context);
        ASSERT_TRUE(opened) << text_of(opened);
        EXPECT_EQ((*opened).text.reveal(), token);
        EXPECT_EQ((*opened).format, Format::aes_256_cbc);
        EXPECT_TRUE((*opened).with_current_key);
    }
}

TEST(Cipher, WritesWhatTheOpensslCommandReads)
{
    const Cipher cipher{Secret(key_text)};
    const std::string token = "1//0g-refresh_token";
    const std::string stored = cipher.encrypt(Secret(token), Format::aes_256_cbc, context);
    ASSERT_EQ(stored.find(':'), 32U);
    EXPECT_EQ(openssl_enc("-d", sha256(key_text), *unhex(stored.substr(0, 32)),
                          *unhex(stored.substr(33))),
              token);
}

// made once with openssl 3.0.22 from key "k", IV 00 01 .. 0f and text "token-1"
TEST(Cipher, ReadsFixedVectors)
{
    const Cipher cipher{Secret("k")};
    const auto lower =
        cipher.decrypt("000102030405060708090a0b0c0d0e0f:527035874b0027b945a123625342332e", "");
    EXPECT_EQ(text_of(lower), "token-1");
    const auto upper =
        cipher.decrypt("000102030405060708090A0B0C0D0E0F:527035874B0027B945A123625342332E", "");
    EXPECT_EQ(text_of(upper), "token-1");
    // the authenticated format, from an independent HKDF and AES-GCM (Python's cryptography)
    const auto gcm = cipher.decrypt(
        "v2:000102030405060708090a0b:6b741d9df75ec7:3cf590e671e93f3b5298f6821dce2ad8",
        "owner|zoom");
    EXPECT_EQ(text_of(gcm), "token-1");
}

TEST(Cipher, RoundTripsInBothFormats)
{
    const Cipher cipher{Secret(key_text)};
    for (const Format format : {Format::aes_256_cbc, Format::aes_256_gcm}) {
        for (const std::size_t size : {1U, 15U, 16U, 17U, 2048U, 65536U}) {
            const std::string token(size, '~');
            const std::string stored = cipher.encrypt(Secret(token), format, context);
            EXPECT_EQ(stored.starts_with("v2:"), format == Format::aes_256_gcm);
            EXPECT_EQ(stored.find(token), std::string::npos);
            const auto opened = cipher.decrypt(stored, context);
            ASSERT_TRUE(opened) << text_of(opened);
            EXPECT_EQ((*opened).text.reveal(), token);
            EXPECT_EQ((*opened).format, format);
        }
    }
}

TEST(Cipher, EachEncryptionIsDifferent)
{
    const Cipher cipher{Secret(key_text)};
    for (const Format format : {Format::aes_256_cbc, Format::aes_256_gcm}) {
        std::set<std::string> seen;
        for (int i = 0; i < 100; ++i) {
            seen.insert(cipher.encrypt(Secret("token"), format, context).substr(0, 27));
        }
        EXPECT_EQ(seen.size(), 100U);
    }
}

TEST(Cipher, PreviousKeysAreTriedInTurn)
{
    const Secret old("old key");
    const Secret older("older key");
    const std::array<Secret, 2> previous{old, older};
    const Cipher now(Secret("new key"), previous);
    for (const Format format : {Format::aes_256_cbc, Format::aes_256_gcm}) {
        for (const Secret& key : previous) {
            const auto opened =
                now.decrypt(Cipher(key).encrypt(Secret("token"), format, context), context);
            ASSERT_TRUE(opened) << text_of(opened);
            EXPECT_FALSE((*opened).with_current_key);
        }
        const auto current = now.decrypt(now.encrypt(Secret("token"), format, context), context);
        ASSERT_TRUE(current);
        EXPECT_TRUE((*current).with_current_key);
    }
    const auto lost = now.decrypt(
        Cipher(Secret("lost key")).encrypt(Secret("token"), Format::aes_256_cbc, context), context);
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.failure().reason, Reason::token_undecryptable);
    EXPECT_NE(lost.failure().detail.find("2 previous keys"), std::string::npos);
}

TEST(Cipher, AWrongKeyNeverYieldsAToken)
{
    const Cipher writer{Secret(key_text)};
    int passed = 0;
    for (int i = 0; i < 10'000; ++i) {
        const Cipher wrong{Secret("wrong key " + std::to_string(i))};
        const std::string stored =
            writer.encrypt(Secret("token-" + std::to_string(i)), Format::aes_256_cbc, context);
        const auto opened = wrong.decrypt(stored, context);
        passed += opened ? 1 : 0;
        if (!opened) {
            ASSERT_EQ(opened.failure().reason, Reason::token_undecryptable);
        }
    }
    EXPECT_EQ(passed, 0);
}

TEST(Cipher, AuthenticatedTokensAreBoundToTheirConnection)
{
    const Cipher cipher{Secret(key_text)};
    const std::string stored = cipher.encrypt(Secret("token"), Format::aes_256_gcm, context);
    const auto moved = cipher.decrypt(stored, "tutor-2|google_meet");
    ASSERT_FALSE(moved);
    EXPECT_EQ(moved.failure().reason, Reason::token_undecryptable);
    // every changed digit is noticed
    for (std::size_t i = 3; i < stored.size(); ++i) {
        std::string changed = stored;
        if (changed[i] == ':') {
            continue;
        }
        changed[i] = changed[i] == '0' ? '1' : '0';
        EXPECT_FALSE(cipher.decrypt(changed, context)) << i;
    }
}

TEST(Cipher, MalformedTextsAreToldApartFromWrongKeys)
{
    const Cipher cipher{Secret(key_text)};
    const std::string iv(32, 'a');
    const std::string nonce(24, 'a');
    const std::string block(32, 'b');
    for (const std::string& stored : {
             std::string(),
             std::string("plain-token"),
             std::string(":"),
             iv,
             iv + ":",
             ":" + block,
             iv + ":" + block + ":",
             iv + ":" + block + ":" + block,
             iv.substr(2) + ":" + block,
             iv + "aa:" + block,
             iv + ":" + block.substr(2),
             iv + ":" + block + "bb",
             iv + ":" + block.substr(1),
             iv + ":" + block.substr(1) + "g",
             " " + iv + ":" + block,
             iv + ":" + block + "\n",
             iv + ":" + std::string(1'000'000, 'b'),
             "v1:" + iv + ":" + block,
             std::string("v2:"),
             "v2:" + iv + ":" + block,
             "v2:" + nonce + ":" + block,
             "v2:" + nonce + "::" + block,
             "v2:" + nonce + ":" + block + ":" + block.substr(2),
             "v2:" + iv + ":" + block + ":" + block,
             "V2:" + nonce + ":" + block + ":" + block,
             std::string(40, '\0'),
             std::string("\xFF\xFE:\xFF"),
         }) {
        const auto opened = cipher.decrypt(stored, context);
        ASSERT_FALSE(opened) << stored.substr(0, 100);
        EXPECT_EQ(opened.failure().reason, Reason::token_malformed) << stored.substr(0, 100);
        EXPECT_EQ(opened.failure().stage, Stage::token);
        if (stored.size() > 10) {
            EXPECT_EQ(opened.failure().detail.find(stored.substr(0, 10)), std::string::npos);
        }
    }
}

TEST(Cipher, PlaintextThatIsNoTokenIsUndecryptable)
{
    const Cipher cipher{Secret(key_text)};
    const std::string iv(16, '\x01');
    // what openssl writes for an empty text, and for one that is not printable
    for (const std::string& text :
         {std::string(), std::string("tok\nen"), std::string("\xC3\xA4")}) {
        const auto opened = cipher.decrypt(
            hex(iv) + ":" + hex(openssl_enc("-e", sha256(key_text), iv, text)), context);
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.failure().reason, Reason::token_undecryptable);
    }
    EXPECT_THROW((void)cipher.encrypt(Secret(""), Format::aes_256_cbc, context),
                 std::invalid_argument);
    EXPECT_THROW((void)cipher.encrypt(Secret("a\nb"), Format::aes_256_gcm, context),
                 std::invalid_argument);
}

// libcurl reads OpenSSL's error queue after each TLS call and would blame the provider
TEST(Cipher, FailuresLeaveNoOpensslErrorBehind)
{
    const Cipher cipher{Secret(key_text)};
    const Cipher other{Secret("other")};
    for (int i = 0; i < 20; ++i) {
        (void)cipher.decrypt(other.encrypt(Secret("t"), Format::aes_256_cbc, context), context);
        (void)cipher.decrypt(other.encrypt(Secret("t"), Format::aes_256_gcm, context), context);
    }
    EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(Cipher, WritesTheFormatItReadUnlessGcmIsConfigured)
{
    EXPECT_EQ(format_to_write(Format::aes_256_cbc, Format::aes_256_cbc), Format::aes_256_cbc);
    EXPECT_EQ(format_to_write(Format::aes_256_gcm, Format::aes_256_cbc), Format::aes_256_gcm);
    EXPECT_EQ(format_to_write(Format::aes_256_cbc, Format::aes_256_gcm), Format::aes_256_gcm);
}

}  // namespace
}  // namespace meetlink::token
