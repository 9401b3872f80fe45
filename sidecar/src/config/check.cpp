#include "config/check.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/duration.hpp"
#include "base/text.hpp"
#include "config/value.hpp"

namespace meetlink::config {
namespace {

/// HS256 wants a key as long as its hash (RFC 7518 section 3.2).
constexpr std::size_t jwt_secret_bytes = 32;

class Checker {
public:
    Checker(const Config& config, const Place& place, std::filesystem::path system_authorities)
        : config_(config), place_(place), system_authorities_(std::move(system_authorities))
    {
    }

    Findings run()
    {
        lease();
        http();
        tokens();
        provider("google", config_.google);
        provider("zoom", config_.zoom);
        authorities();
        return std::move(findings_);
    }

private:
    [[nodiscard]] std::optional<std::string> place(std::string_view section,
                                                   std::string_view key) const
    {
        const Setting* setting = find_setting(section, key);
        return setting == nullptr ? std::nullopt : place_(*setting);
    }
    /// Some value of the setting is in force, be it the default.
    [[nodiscard]] bool usable(std::string_view section, std::string_view key) const
    {
        return place(section, key).has_value();
    }
    void error(std::optional<std::string> where, std::string message, std::string hint)
    {
        findings_.errors.push_back({where.value_or(""), std::move(message), std::move(hint)});
    }
    void warning(std::optional<std::string> where, std::string message, std::string hint)
    {
        findings_.warnings.push_back({where.value_or(""), std::move(message), std::move(hint)});
    }

    void lease()
    {
        const Sidecar& sidecar = config_.sidecar;
        const auto least = sidecar.http_timeout * 3 / 2;
        if (usable("sidecar", "lease") && usable("sidecar", "http_timeout") &&
            sidecar.lease < least) {
            // a request that began just after a renewal must end, and its outcome be stored, in time
            error(place("sidecar", "lease"),
                  "sidecar.lease is \"" + format_duration(sidecar.lease) +
                      "\", too short for sidecar.http_timeout \"" +
                      format_duration(sidecar.http_timeout) +
                      "\": another daemon would take a session over while its request runs",
                  "make the lease at least \"" + format_duration(least) +
                      "\" (1.5 times http_timeout), or the timeout shorter");
        }
    }

    void http()
    {
        const Http& http = config_.http;
        const bool secret = !http.jwt_secret.empty();
        const bool public_key = !http.jwt_public_key_file.empty();
        if (secret && public_key) {
            error(place("http", "jwt_secret"),
                  "both http.jwt_secret and http.jwt_public_key_file are given",
                  "keep the one that matches how callers' tokens are signed");
        }
        if (secret && http.jwt_secret.size() < jwt_secret_bytes) {
            warning(place("http", "jwt_secret"),
                    "http.jwt_secret has " + std::to_string(http.jwt_secret.size()) +
                        " bytes, which is too short to be safe",
                    "use at least 32 bytes");
        }
        const bool key_refused =
            !usable("http", "jwt_secret") || !usable("http", "jwt_public_key_file");
        const auto address = parse_listen(http.listen);
        if (!secret && !public_key && !key_refused && address && !address->loopback) {
            error(place("http", "listen"),
                  "http.listen is \"" + http.listen +
                      "\", which other machines can reach, but no JWT key is configured",
                  "set http.jwt_secret or http.jwt_public_key_file, or listen on 127.0.0.1");
        }
        if (!secret && !public_key && !key_refused && !http.jwt_audience.empty()) {
            warning(place("http", "jwt_audience"),
                    "http.jwt_audience has no effect without a JWT key",
                    "set http.jwt_secret or http.jwt_public_key_file");
        }
    }

    void tokens()
    {
        if (config_.tokens.encryption_key.empty() && usable("tokens", "encryption_key")) {
            error({}, "tokens.encryption_key is missing",
                  "set it, tokens.encryption_key_file or the variable TOKEN_ENCRYPTION_KEY to the "
                  "key with which the application encrypts tokens");
        }
    }

    void provider(const std::string& section, const Provider& provider)
    {
        const bool id = !provider.client_id.empty();
        const bool secret = !provider.client_secret.empty();
        if (!usable(section, "client_id") || !usable(section, "client_secret")) {
            return;
        }
        if (id && !secret) {
            error(place(section, "client_id"),
                  section + ".client_id is given without " + section + ".client_secret",
                  "set " + section + ".client_secret or " + section + ".client_secret_file");
        } else if (secret && !id) {
            error(place(section, "client_secret"),
                  section + ".client_secret is given without " + section + ".client_id",
                  "set " + section + ".client_id");
        } else if (!id) {
            warning(
                {},
                section +
                    ".client_id is not set: sessions of this provider will be blocked "
                    "with reason provider_not_configured",
                "set " + section + ".client_id and " + section + ".client_secret if it is used");
        }
    }

    /// Without them no provider would ever be reached.
    void authorities()
    {
        const auto asked_over_tls = [](const Provider& provider) {
            return !provider.client_id.empty() && (provider.token_url.starts_with("https") ||
                                                   provider.api_base.starts_with("https"));
        };
        if (!config_.tls.ca_file.empty() || !usable("tls", "ca_file") ||
            system_authorities_.empty() ||
            !(asked_over_tls(config_.google) || asked_over_tls(config_.zoom))) {
            return;
        }
        if (access(system_authorities_.c_str(), R_OK) != 0) {
            error({},
                  "no certificate of a provider could be checked: \"" +
                      system_authorities_.string() +
                      "\", the system's store of authorities, cannot be read: " +
                      ascii_lower(std::strerror(errno)),
                  "install the package ca-certificates, or set tls.ca_file");
        }
    }

    const Config& config_;
    const Place& place_;
    std::filesystem::path system_authorities_;
    Findings findings_;
};

}  // namespace

Findings check(const Config& config, const Place& place, std::filesystem::path system_authorities)
{
    return Checker(config, place, std::move(system_authorities)).run();
}

}  // namespace meetlink::config
