// Callers' tokens: what the key decides, and every way to get around it.
#include "web/token.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/text.hpp"

namespace meetlink::web {
namespace {

using namespace std::chrono_literals;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

constexpr std::string_view secret = "a secret of at least thirty-two bytes";
const std::chrono::system_clock::time_point now{1'800'000'000s};

std::string base64url(std::string_view bytes)
{
    auto text = base64(bytes);
    text.erase(text.find_last_not_of('=') + 1);
    for (char& c : text) {
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    }
    return text;
}

std::string hmac(std::string_view key, std::string_view text, const EVP_MD* hash = EVP_sha256())
{
    std::array<unsigned char, EVP_MAX_MD_SIZE> code{};
    unsigned size = 0;
    HMAC(hash, key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), code.data(), &size);
    return {reinterpret_cast<const char*>(code.data()), size};
}

std::string token(const std::string& claims, std::string_view key = secret,
                  const std::string& header = R"({"alg":"HS256","typ":"JWT"})")
{
    const auto input = base64url(header) + "." + base64url(claims);
    return input + "." + base64url(hmac(key, input));
}

TokenVerifier with_secret(const std::string& audience = "")
{
    config::Http http;
    http.jwt_secret = Secret{secret};
    http.jwt_audience = audience;
    return std::get<TokenVerifier>(TokenVerifier::make(http));
}

std::string why(const TokenVerifier& verifier, const std::string& text)
{
    const auto verified = verifier.verify(text, now);
    const auto* refused = std::get_if<std::string>(&verified);
    return refused ? *refused : "";
}

TEST(WebToken, ReadsRoleAndSubjectOfAVerifiedToken)
{
    const auto verified =
        with_secret().verify(token(R"({"role":"authenticated","sub":"me","exp":1800000001})"), now);
    const auto& claims = std::get<Claims>(verified);
    EXPECT_EQ(claims.role, "authenticated");
    EXPECT_EQ(claims.subject, "me");
    EXPECT_NE(claims.json.find("\"sub\""), std::string::npos);
}

TEST(WebToken, TheSignatureMustBeOfTheConfiguredKey)
{
    const auto verifier = with_secret();
    EXPECT_EQ(why(verifier, token("{}")), "");
    EXPECT_EQ(why(verifier, token("{}", "another secret of thirty-two bytes!!")),
              "the token's signature is wrong");
    auto changed = token(R"({"role":"authenticated"})");
    const auto better = base64url(R"({"role":"meetlink_operator"})");
    const auto first = changed.find('.');
    changed.replace(first + 1, changed.find('.', first + 1) - first - 1, better);
    EXPECT_EQ(why(verifier, changed), "the token's signature is wrong");
}

TEST(WebToken, TheTokenDoesNotChooseTheAlgorithm)
{
    const auto verifier = with_secret();
    const auto payload = base64url(R"({"role":"meetlink_operator"})");
    for (const char* alg : {"none", "None", "NONE", "nOnE", ""}) {
        const auto header = base64url(R"({"alg":")" + std::string{alg} + R"("})");
        EXPECT_NE(why(verifier, header + "." + payload + "."), "") << alg;
        EXPECT_NE(why(verifier, header + "." + payload), "") << alg;
        EXPECT_NE(why(verifier, token("{}", secret, R"({"alg":")" + std::string{alg} + R"("})")),
                  "")
            << alg;
    }
    EXPECT_NE(why(verifier, base64url(R"({"typ":"JWT"})") + "." + payload + "."), "");
    const auto input = base64url(R"({"alg":"HS512"})") + "." + payload;
    EXPECT_NE(why(verifier, input + "." + base64url(hmac(secret, input, EVP_sha512()))), "");
    EXPECT_NE(why(verifier, token("{}", secret, R"({"alg":["HS256"]})")), "");
    EXPECT_NE(why(verifier, token("{}", secret, R"({"alg":"HS256","crit":["exp"]})")), "");
}

TEST(WebToken, TimesAreChecked)
{
    const auto verifier = with_secret();
    EXPECT_EQ(why(verifier, token(R"({"exp":1799999996})")), "") << "within the skew";
    EXPECT_EQ(why(verifier, token(R"({"exp":1799999995})")), "the token has expired");
    EXPECT_EQ(why(verifier, token(R"({"exp":0})")), "the token has expired");
    EXPECT_EQ(why(verifier, token(R"({"exp":-1e300})")), "the token has expired");
    EXPECT_EQ(why(verifier, token(R"({"exp":"1900000000"})")),
              "the token's claim exp is not a time");
    EXPECT_EQ(why(verifier, token(R"({"exp":null})")), "the token's claim exp is not a time");
    EXPECT_EQ(why(verifier, token(R"({"nbf":1800000005})")), "");
    EXPECT_EQ(why(verifier, token(R"({"nbf":1800000006})")), "the token is not valid yet");
    EXPECT_EQ(why(verifier, token(R"({"nbf":true})")), "the token's claim nbf is not a time");
}

TEST(WebToken, TheAudienceIsCheckedWhereOneIsConfigured)
{
    EXPECT_EQ(why(with_secret(), token(R"({"aud":"else"})")), "");
    const auto verifier = with_secret("meetlink");
    EXPECT_EQ(why(verifier, token(R"({"aud":"meetlink"})")), "");
    EXPECT_EQ(why(verifier, token(R"({"aud":["else","meetlink"]})")), "");
    for (const char* claims : {R"({})", R"({"aud":"else"})", R"({"aud":[]})", R"({"aud":[1]})",
                               R"({"aud":{"meetlink":1}})", R"({"aud":"meetlink2"})"}) {
        EXPECT_EQ(why(verifier, token(claims)), "the token is for another audience") << claims;
    }
}

TEST(WebToken, NonsenseIsRefused)
{
    const auto verifier = with_secret();
    for (const std::string text : {"", ".", "..", "...", "a.b.c", "e30.e30.", "\xff.\xff.\xff"}) {
        EXPECT_NE(why(verifier, text), "") << text;
    }
    EXPECT_NE(why(verifier, token("[]")), "");
    EXPECT_NE(why(verifier, token("{")), "");
    EXPECT_NE(why(verifier, std::string(100'000, 'a')), "");
}

class PublicKey : public testing::Test {
protected:
    void SetUp() override
    {
        file_ = std::filesystem::temp_directory_path() /
                ("meetlink_web_token_" + std::to_string(::getpid()) + ".pem");
    }
    void TearDown() override { std::filesystem::remove(file_); }

    std::string write(const Key& key)
    {
        const std::unique_ptr<BIO, decltype(&BIO_free)> out{BIO_new(BIO_s_mem()), &BIO_free};
        PEM_write_bio_PUBKEY(out.get(), key.get());
        char* data = nullptr;
        const auto size = BIO_get_mem_data(out.get(), &data);
        std::string pem{data, static_cast<std::size_t>(size)};
        std::ofstream{file_} << pem;
        return pem;
    }
    [[nodiscard]] std::variant<TokenVerifier, std::string> make() const
    {
        config::Http http;
        http.jwt_public_key_file = file_;
        return TokenVerifier::make(http);
    }

    std::filesystem::path file_;
};

std::string rs256(const Key& key, const std::string& claims)
{
    const auto input = base64url(R"({"alg":"RS256"})") + "." + base64url(claims);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free};
    std::array<unsigned char, 512> signature{};
    std::size_t size = signature.size();
    EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get());
    EVP_DigestSign(context.get(), signature.data(), &size,
                   reinterpret_cast<const unsigned char*>(input.data()), input.size());
    return input + "." + base64url({reinterpret_cast<const char*>(signature.data()), size});
}

TEST_F(PublicKey, AnRsaKeyTakesRs256Only)
{
    const Key key{EVP_RSA_gen(2048), &EVP_PKEY_free};
    const Key other{EVP_RSA_gen(2048), &EVP_PKEY_free};
    const auto pem = write(key);
    const auto made = make();
    const auto& verifier = std::get<TokenVerifier>(made);
    EXPECT_EQ(why(verifier, rs256(key, "{}")), "");
    EXPECT_EQ(why(verifier, rs256(other, "{}")), "the token's signature is wrong");
    // the public key is public: whoever has it must not be able to sign with it as a shared secret
    EXPECT_EQ(why(verifier, token("{}", pem)), "the token is not signed with RS256");
    EXPECT_NE(why(verifier, base64url(R"({"alg":"none"})") + "." + base64url("{}") + "."), "");
}

TEST_F(PublicKey, KeysOfNoUseAreNamedAtTheStart)
{
    EXPECT_NE(std::get<std::string>(make()).find("cannot be read"), std::string::npos);
    std::ofstream{file_} << "no key";
    EXPECT_NE(std::get<std::string>(make()).find("no public key"), std::string::npos);
    write(Key{EVP_RSA_gen(1024), &EVP_PKEY_free});
    EXPECT_NE(std::get<std::string>(make()).find("only 1024 bits"), std::string::npos);
    write(Key{EVP_EC_gen("P-384"), &EVP_PKEY_free});
    EXPECT_NE(std::get<std::string>(make()).find("neither RSA nor on the curve"),
              std::string::npos);
    write(Key{EVP_EC_gen("P-256"), &EVP_PKEY_free});
    EXPECT_TRUE(std::holds_alternative<TokenVerifier>(make()));
}

}  // namespace
}  // namespace meetlink::web
