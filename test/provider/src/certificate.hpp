#pragma once

#include <boost/asio/ssl/context.hpp>
#include <string>

namespace meetlink::standin {

/// A certificate authority that lives as long as the process, and a server certificate of it for
/// localhost, 127.0.0.1 and ::1. Private keys never leave memory.
class Certificate {
public:
    /// Throws std::runtime_error when OpenSSL fails.
    Certificate();
    /// What a client must trust.
    [[nodiscard]] const std::string& authority_pem() const { return authority_pem_; }
    void use_in(boost::asio::ssl::context& context) const;

private:
    std::string authority_pem_;
    std::string server_pem_;
    std::string server_key_pem_;
};

}  // namespace meetlink::standin
