#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.hpp"

/// The configuration as a plain value. Ranges, defaults and names of the keys are in the one table of
/// setting.cpp; Config{} is empty, defaults() is what a daemon without any configuration would have.
namespace meetlink::config {

struct Database {
    std::string conninfo;  ///< libpq; empty: libpq's own environment
};

enum class HttpVersion { http_1_1, http_2 };

struct Sidecar {
    std::string name;  ///< default: host name
    int max_in_flight = 0;
    std::chrono::milliseconds lease{};  ///< at least 1.5 times http_timeout
    std::chrono::milliseconds poll_interval{};
    std::chrono::milliseconds http_timeout{};
    HttpVersion http_version = HttpVersion::http_1_1;
};

struct Http {
    std::string
        listen;  ///< "127.0.0.1:8787", "[::1]:8787" (see parse_listen); empty: no HTTP server
    std::string conninfo;  ///< after loading: database.conninfo when it was not set
    Secret jwt_secret;     ///< at most one of this and the public key is set
    std::filesystem::path jwt_public_key_file;
    std::string jwt_audience;
    int max_streams = 0;                     ///< open event streams
    std::vector<std::string> embed_origins;  ///< "https://app.example.org"; may call and frame us
};

enum class Cipher { aes_256_cbc, aes_256_gcm };

struct Tokens {
    Secret encryption_key;
    std::vector<Secret> previous_keys;
    Cipher cipher = Cipher::aes_256_cbc;
    std::chrono::milliseconds refresh_ahead{};  ///< of a session's start
};

/// One provider's section; the defaults differ per provider.
struct Provider {
    std::string client_id;  ///< empty: the provider is not configured
    Secret client_secret;
    std::string token_url;
    std::string api_base;                 ///< without a slash at the end
    std::vector<std::string> link_hosts;  ///< "meet.google.com", or ".zoom.us" for every subdomain
    int max_per_connection = 0;           ///< requests in flight per connection, at least 1
    int refresh_after_days = 0;           ///< of idleness, before the refresh token dies of it
    double max_per_second = 0;            ///< per provider and daemon, above 0
};

struct Tls {
    std::filesystem::path ca_file;  ///< empty: system store
};

enum class LogLevel { trace, debug, info, warning, error };
enum class LogFormat { json, text };

struct Log {
    LogLevel level = LogLevel::info;
    LogFormat format = LogFormat::json;
};

struct Config {
    Database database;
    Sidecar sidecar;
    Http http;
    Tokens tokens;
    Provider google;
    Provider zoom;
    Tls tls;
    Log log;
};

/// What every key has when nothing sets it.
[[nodiscard]] Config defaults();

}  // namespace meetlink::config
