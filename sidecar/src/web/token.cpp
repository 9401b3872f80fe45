#include "web/token.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>

#include "base/json.hpp"
#include "base/secret_file.hpp"

namespace meetlink::web {

namespace {

using Token = std::unique_ptr<jwt_t, decltype(&jwt_free)>;
using Text = std::unique_ptr<char, decltype(&std::free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using PublicKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

constexpr int least_rsa_bits = 2048;
constexpr int p256_bits = 256;

/// RS256 or ES256, as the public key says; or why it says neither.
std::variant<jwt_alg_t, std::string> algorithm_of(const Secret& pem)
{
    const auto text = pem.reveal();
    const Bio source{BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
    const PublicKey key{
        source ? PEM_read_bio_PUBKEY(source.get(), nullptr, nullptr, nullptr) : nullptr,
        &EVP_PKEY_free};
    if (!key) {
        return "it holds no public key in PEM format";
    }
    const int bits = EVP_PKEY_get_bits(key.get());
    if (EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA) {
        if (bits < least_rsa_bits) {
            return "its RSA key has only " + std::to_string(bits) + " bits";
        }
        return JWT_ALG_RS256;
    }
    if (EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_EC && bits == p256_bits) {
        return JWT_ALG_ES256;
    }
    return "its key is neither RSA nor on the curve P-256";
}

/// Without a key libjwt only takes the token apart.
Token decode(const std::string& text, std::string_view key)
{
    jwt_t* token = nullptr;
    const auto* bytes = reinterpret_cast<const unsigned char*>(key.data());
    const int failed = jwt_decode(&token, text.c_str(), key.empty() ? nullptr : bytes,
                                  static_cast<int>(key.size()));
    return {failed == 0 ? token : nullptr, &jwt_free};
}

/// The time of a NumericDate claim; nothing when it is absent, an error when it is something else.
std::variant<std::optional<double>, std::string> time_claim(const Json::Value& claims,
                                                            const char* name)
{
    const auto& value = at(claims, {name});
    if (value.isNull() && !claims.isMember(name)) {
        return std::optional<double>{};
    }
    if (!value.isNumeric()) {
        return "the token's claim " + std::string{name} + " is not a time";
    }
    return std::optional<double>{value.asDouble()};
}

bool names(const Json::Value& claim, const std::string& audience)
{
    if (claim.isArray()) {
        return std::any_of(claim.begin(), claim.end(),
                           [&](const auto& one) { return one.isString() && one == audience; });
    }
    return claim.isString() && claim == audience;
}

/// Nothing when the claims hold at `now`.
std::optional<std::string> objection(const Json::Value& claims, const std::string& audience,
                                     double now)
{
    constexpr auto skew = static_cast<double>(TokenVerifier::clock_skew.count());
    const auto expires = time_claim(claims, "exp");
    const auto begins = time_claim(claims, "nbf");
    for (const auto* time : {&expires, &begins}) {
        if (const auto* wrong = std::get_if<std::string>(time)) {
            return *wrong;
        }
    }
    const auto exp = std::get<0>(expires);
    const auto nbf = std::get<0>(begins);
    if (exp && *exp + skew <= now) {
        return "the token has expired";
    }
    if (nbf && *nbf - skew > now) {
        return "the token is not valid yet";
    }
    if (!audience.empty() && !names(at(claims, {"aud"}), audience)) {
        return "the token is for another audience";
    }
    return std::nullopt;
}

/// The end of claims that hold; what is too far away for the clock is never.
std::optional<std::chrono::system_clock::time_point> end_of(const Json::Value& claims)
{
    constexpr double furthest = 4'000'000'000;  // in 2096
    const auto& expires = at(claims, {"exp"});
    if (!expires.isNumeric() || expires.asDouble() > furthest) {
        return std::nullopt;
    }
    return std::chrono::system_clock::time_point{
        std::chrono::seconds{static_cast<std::int64_t>(expires.asDouble())}};
}

}  // namespace

std::variant<TokenVerifier, std::string> TokenVerifier::make(const config::Http& http)
{
    if (!http.jwt_secret.empty()) {
        return TokenVerifier{http.jwt_secret, JWT_ALG_HS256, http.jwt_audience};
    }
    const std::string where =
        "http.jwt_public_key_file \"" + http.jwt_public_key_file.string() + "\"";
    auto file = read_secret_file(http.jwt_public_key_file);
    if (const auto* wrong = std::get_if<std::string>(&file)) {
        return where + " cannot be read: " + *wrong;
    }
    auto& pem = std::get<SecretFile>(file).content;
    const auto algorithm = algorithm_of(pem);
    if (const auto* wrong = std::get_if<std::string>(&algorithm)) {
        return where + " cannot be used: " + *wrong;
    }
    return TokenVerifier{std::move(pem), std::get<jwt_alg_t>(algorithm), http.jwt_audience};
}

std::variant<Claims, std::string> TokenVerifier::verify(
    std::string_view token, std::chrono::system_clock::time_point now) const
{
    const std::string text{token};
    const auto parts = decode(text, {});
    if (!parts) {
        return "the token cannot be read";
    }
    // before the key is used: libjwt would take the algorithm from the token
    const std::string_view expected = jwt_alg_str(algorithm_);
    const char* algorithm = jwt_get_header(parts.get(), "alg");
    if (algorithm == nullptr || algorithm != expected) {
        return "the token is not signed with " + std::string{expected};
    }
    const auto verified = decode(text, key_.reveal());
    if (!verified || jwt_get_alg(verified.get()) != algorithm_) {
        return "the token's signature is wrong";
    }
    const Text crit{jwt_get_headers_json(verified.get(), "crit"), &std::free};
    if (crit) {
        return "the token demands an extension that is not known here";  // RFC 7515 section 4.1.11
    }
    const Text json{jwt_get_grants_json(verified.get(), nullptr), &std::free};
    const auto claims = json ? parse_json(json.get()) : std::nullopt;
    if (!claims || !claims->isObject()) {
        return "the token cannot be read";
    }
    const double seconds = std::chrono::duration<double>(now.time_since_epoch()).count();
    if (auto wrong = objection(*claims, audience_, seconds)) {
        return *wrong;
    }
    return Claims{.json = json.get(),
                  .role = string_at(*claims, {"role"}),
                  .subject = string_at(*claims, {"sub"}),
                  .expires = end_of(*claims)};
}

}  // namespace meetlink::web
