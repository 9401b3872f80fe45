#include "certificate.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <boost/asio/buffer.hpp>
#include <memory>
#include <stdexcept>

namespace meetlink::standin {

namespace {

template <auto Free>
struct Deleter {
    template <typename T>
    void operator()(T* object) const
    {
        Free(object);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;

constexpr long valid_for_s = 30L * 24 * 3600;
constexpr long valid_since_s = -3600;  // clocks of containers differ

void require(bool ok, const char* what)
{
    if (!ok) throw std::runtime_error{std::string{"could not make a certificate: "} + what};
}

Key new_key()
{
    Key key{EVP_EC_gen("P-256")};
    require(key != nullptr, "key");
    return key;
}

void add_extension(X509* certificate, X509* issuer, int nid, const char* value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const Extension extension{X509V3_EXT_conf_nid(nullptr, &context, nid, value)};
    require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1, value);
}

/// A certificate for `key` without extensions and signature; `issuer` null: self-signed.
X509Ptr new_certificate(EVP_PKEY* key, const char* common_name, X509* issuer)
{
    X509Ptr certificate{X509_new()};
    require(certificate != nullptr, "object");
    std::uint64_t serial = 0;
    require(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1, "random");
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1U);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), valid_since_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), valid_for_s);
    X509_set_pubkey(certificate.get(), key);
    X509_NAME* subject = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(common_name), -1, -1, 0);
    X509_set_issuer_name(certificate.get(),
                         issuer != nullptr ? X509_get_subject_name(issuer) : subject);
    return certificate;
}

std::string contents(BIO* bio)
{
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(size)};
}

std::string to_pem(X509* certificate)
{
    const Bio bio{BIO_new(BIO_s_mem())};
    require(PEM_write_bio_X509(bio.get(), certificate) == 1, "PEM");
    return contents(bio.get());
}

std::string to_pem(EVP_PKEY* key)
{
    const Bio bio{BIO_new(BIO_s_mem())};
    require(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
            "PEM");
    return contents(bio.get());
}

}  // namespace

Certificate::Certificate()
{
    const Key authority_key = new_key();
    const X509Ptr authority = new_certificate(authority_key.get(), "meetlink stand-in CA", nullptr);
    add_extension(authority.get(), authority.get(), NID_basic_constraints, "critical,CA:TRUE");
    add_extension(authority.get(), authority.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(authority.get(), authority.get(), NID_subject_key_identifier, "hash");
    require(X509_sign(authority.get(), authority_key.get(), EVP_sha256()) > 0, "signature");

    const Key server_key = new_key();
    const X509Ptr server = new_certificate(server_key.get(), "localhost", authority.get());
    add_extension(server.get(), authority.get(), NID_basic_constraints, "critical,CA:FALSE");
    add_extension(server.get(), authority.get(), NID_key_usage, "critical,digitalSignature");
    add_extension(server.get(), authority.get(), NID_ext_key_usage, "serverAuth");
    add_extension(server.get(), authority.get(), NID_authority_key_identifier, "keyid");
    add_extension(server.get(), authority.get(), NID_subject_alt_name,
                  "DNS:localhost,IP:127.0.0.1,IP:::1");
    require(X509_sign(server.get(), authority_key.get(), EVP_sha256()) > 0, "signature");

    authority_pem_ = to_pem(authority.get());
    server_pem_ = to_pem(server.get());
    server_key_pem_ = to_pem(server_key.get());
}

void Certificate::use_in(boost::asio::ssl::context& context) const
{
    using boost::asio::ssl::context_base;
    context.set_options(context_base::default_workarounds | context_base::no_sslv2 |
                        context_base::no_sslv3 | context_base::no_tlsv1 | context_base::no_tlsv1_1);
    context.use_certificate(boost::asio::buffer(server_pem_), context_base::pem);
    context.use_private_key(boost::asio::buffer(server_key_pem_), context_base::pem);
    // Without a context id, OpenSSL refuses to resume sessions.
    constexpr unsigned char id[] = "standin";
    SSL_CTX_set_session_id_context(context.native_handle(), id, sizeof id - 1);
}

}  // namespace meetlink::standin
