#include "config/setting.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <type_traits>

#include "base/duration.hpp"
#include "base/text.hpp"
#include "config/value.hpp"

namespace meetlink::config {
namespace {

template <auto Section, auto Member>
auto& at(Config& config)
{
    return config.*Section.*Member;
}

/// The name of a member as a Target: at<&Config::log, &Log::level>.
template <auto Section, auto Member>
constexpr auto to = &at<Section, Member>;

constexpr std::array<std::string_view, 2> http_version_words{"1.1", "2"};
constexpr std::array<std::string_view, 2> cipher_words{"aes-256-cbc", "aes-256-gcm"};
constexpr std::array<std::string_view, 5> level_words{"trace", "debug", "info", "warning", "error"};
constexpr std::array<std::string_view, 2> format_words{"json", "text"};

constexpr double second = 1'000;
constexpr double minute = 60 * second;

// Rates and limits. Google allows 600 requests a minute and user, slows down quick successions in one
// calendar, and 10,000 a minute and project (PROVIDERS.md 1.9): two at a time, and 100 a second leave the
// application its share of the 166. Zoom counts per account, 2 a second (Free) to 20 (Pro) for creates
// (PROVIDERS.md 2.4): one at a time stays near the lower, 20 a second is right for one shared Pro account.
constexpr std::array table{
    Setting{"database", "conninfo", to<&Config::database, &Database::conninfo>, "",
            "Connection string of role meetlink_sidecar (libpq); may name several hosts with "
            "target_session_attrs=read-write. Empty: libpq's own environment (PGHOST, ...).",
            Rule::conninfo},

    Setting{"sidecar", "name", to<&Config::sidecar, &Sidecar::name>, "",
            "Name of this daemon in claims and heartbeats.", Rule::line},
    Setting{
        "sidecar", "max_in_flight", to<&Config::sidecar, &Sidecar::max_in_flight>, "256",
        "Most sessions worked on at a time, without those that a provider keeps waiting for more "
        "than a second.",
        Rule::any, 1, 10'000},
    Setting{"sidecar", "lease", to<&Config::sidecar, &Sidecar::lease>, "30s",
            "How long a claim holds without renewal; then another daemon takes over. At least 1.5 "
            "times http_timeout.",
            Rule::any, 1 * second, 60 * minute},
    Setting{
        "sidecar", "poll_interval", to<&Config::sidecar, &Sidecar::poll_interval>, "5s",
        "How often the database is asked for work when no notification comes; every 10 s at least.",
        Rule::any, 50, 10 * minute},
    Setting{"sidecar", "http_timeout", to<&Config::sidecar, &Sidecar::http_timeout>, "15s",
            "Longest wait for one answer of a provider.", Rule::any, 100, 2 * minute},
    Setting{"sidecar", "http_version", to<&Config::sidecar, &Sidecar::http_version>, "1.1",
            "2: many requests share one TLS connection, where the provider and libcurl can; takes "
            "less memory. 1.1: a connection for each request in flight."},

    Setting{"http", "listen", to<&Config::http, &Http::listen>, "127.0.0.1:8787",
            "Address and port of the HTTP server; empty turns it off. Without a JWT key only a "
            "loopback address is accepted.",
            Rule::listen_address},
    Setting{"http", "conninfo", to<&Config::http, &Http::conninfo>, "",
            "Connection string of role meetlink_gateway, under which HTTP callers are served.",
            Rule::conninfo},
    Setting{"http", "jwt_secret", to<&Config::http, &Http::jwt_secret>, "",
            "Key with which callers' tokens are signed (HS256); at least 32 bytes."},
    Setting{
        "http", "jwt_public_key_file", to<&Config::http, &Http::jwt_public_key_file>, "",
        "PEM file with the public key of callers' tokens (RS256, ES256), instead of jwt_secret.",
        Rule::readable_file},
    Setting{"http", "jwt_audience", to<&Config::http, &Http::jwt_audience>, "",
            "Audience that callers' tokens must name; empty: not checked.", Rule::line},
    Setting{"http", "embed_origins", to<&Config::http, &Http::embed_origins>, "",
            "Origins whose pages may call the API (CORS) and embed the pages in a frame.",
            Rule::origin},
    Setting{"http", "max_streams", to<&Config::http, &Http::max_streams>, "4096",
            "Most event streams (GET /api/events) open at a time.", Rule::any, 1, 100'000},

    Setting{"tokens", "encryption_key", to<&Config::tokens, &Tokens::encryption_key>, "",
            "The application's TOKEN_ENCRYPTION_KEY, which is read from the environment when this "
            "is unset. Required."},
    Setting{"tokens", "previous_keys", to<&Config::tokens, &Tokens::previous_keys>, "",
            "Former encryption keys, still tried for reading; in a file one a line."},
    Setting{"tokens", "cipher", to<&Config::tokens, &Tokens::cipher>, "aes-256-cbc",
            "aes-256-cbc: write each token in the format it was read in. aes-256-gcm: write the "
            "authenticated format, which the application must be able to read."},
    Setting{"tokens", "refresh_ahead", to<&Config::tokens, &Tokens::refresh_ahead>, "1h",
            "Owners with a session that starts within this time have a fresh access token, 60 "
            "refreshes a minute at most.",
            Rule::any, 1 * minute, 24 * 60 * minute},

    Setting{"google", "client_id", to<&Config::google, &Provider::client_id>, "",
            "OAuth client id of the application at Google; without it sessions get "
            "provider_not_configured.",
            Rule::line},
    Setting{"google", "client_secret", to<&Config::google, &Provider::client_secret>, "",
            "OAuth client secret that belongs to client_id."},
    Setting{"google", "token_url", to<&Config::google, &Provider::token_url>,
            "https://oauth2.googleapis.com/token",
            "Token endpoint; http:// for loopback hosts only.", Rule::url},
    Setting{"google", "api_base", to<&Config::google, &Provider::api_base>,
            "https://www.googleapis.com/calendar/v3",
            "Start of every Calendar API address; http:// for loopback hosts only.", Rule::url},
    Setting{"google", "link_hosts", to<&Config::google, &Provider::link_hosts>, "meet.google.com",
            "Hosts that a meeting link may have; a leading dot allows every subdomain.",
            Rule::link_hosts},
    Setting{"google", "max_per_connection", to<&Config::google, &Provider::max_per_connection>, "2",
            "Most requests in flight for one tutor's account.", Rule::any, 1, 100},
    Setting{
        "google", "refresh_after_days", to<&Config::google, &Provider::refresh_after_days>, "120",
        "Idle refresh tokens are used after this many days, spread over the last fifth; Google's "
        "die after six months.",
        Rule::any, 1, 170},
    Setting{"google", "max_per_second", to<&Config::google, &Provider::max_per_second>, "100",
            "Most requests a second of this daemon; Google allows 166 a second and project.",
            Rule::any, 0.01, 100'000},

    Setting{"zoom", "client_id", to<&Config::zoom, &Provider::client_id>, "",
            "OAuth client id of the application at Zoom; without it sessions get "
            "provider_not_configured.",
            Rule::line},
    Setting{"zoom", "client_secret", to<&Config::zoom, &Provider::client_secret>, "",
            "OAuth client secret that belongs to client_id."},
    Setting{"zoom", "token_url", to<&Config::zoom, &Provider::token_url>,
            "https://zoom.us/oauth/token", "Token endpoint; http:// for loopback hosts only.",
            Rule::url},
    Setting{"zoom", "api_base", to<&Config::zoom, &Provider::api_base>, "https://api.zoom.us/v2",
            "Start of every Meetings API address; http:// for loopback hosts only.", Rule::url},
    Setting{"zoom", "link_hosts", to<&Config::zoom, &Provider::link_hosts>, "zoom.us,.zoom.us",
            "Hosts that a meeting link may have; a leading dot allows every subdomain.",
            Rule::link_hosts},
    Setting{"zoom", "max_per_connection", to<&Config::zoom, &Provider::max_per_connection>, "1",
            "Most requests in flight for one tutor's account; Zoom allows a Free one 2 creates a "
            "second.",
            Rule::any, 1, 100},
    Setting{"zoom", "refresh_after_days", to<&Config::zoom, &Provider::refresh_after_days>, "60",
            "Idle refresh tokens are used after this many days, spread over the last fifth; Zoom's "
            "die after 90 days.",
            Rule::any, 1, 85},
    Setting{"zoom", "max_per_second", to<&Config::zoom, &Provider::max_per_second>, "20",
            "Most requests a second of this daemon; Zoom allows a Pro account 20 creates a second.",
            Rule::any, 0.01, 100'000},

    Setting{"tls", "ca_file", to<&Config::tls, &Tls::ca_file>, "",
            "PEM file with the authorities that providers' certificates are checked against, read "
            "anew every 10 minutes; empty: the system's store.",
            Rule::readable_file},

    Setting{"log", "level", to<&Config::log, &Log::level>, "info",
            "Least serious events that are logged."},
    Setting{"log", "format", to<&Config::log, &Log::format>, "json",
            "json: one object a line. text: for reading along."},
};

template <typename T>
constexpr bool holds(const Setting& setting)
{
    return std::holds_alternative<T& (*)(Config&)>(setting.target);
}

std::string range_text(const Setting& setting)
{
    const auto bound = [&setting](double value) {
        if (holds<std::chrono::milliseconds>(setting)) {
            return format_duration(std::chrono::milliseconds{static_cast<long>(value)});
        }
        return number_text(value);
    };
    return bound(setting.least) + " to " + bound(setting.most);
}

std::size_t edit_distance(std::string_view left, std::string_view right)
{
    std::vector<std::size_t> row(right.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < left.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < right.size(); ++j) {
            const std::size_t replaced = diagonal + (left[i] == right[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

}  // namespace

std::string Setting::name() const
{
    return std::string(section).append(1, '.').append(key);
}

std::string Setting::environment_name() const
{
    std::string result = std::string("MEETLINK_").append(section).append(1, '_').append(key);
    for (char& c : result) {
        if (c >= 'a' && c <= 'z') {
            c = static_cast<char>(c - 'a' + 'A');
        }
    }
    return result;
}

bool Setting::secret() const
{
    return holds<Secret>(*this) || holds<std::vector<Secret>>(*this);
}

bool Setting::list() const
{
    return holds<std::vector<std::string>>(*this) || holds<std::vector<Secret>>(*this);
}

bool Setting::from_file() const
{
    return secret() || rule == Rule::conninfo;
}

std::string Setting::type_text() const
{
    if (holds<int>(*this)) {
        return "integer, " + range_text(*this);
    }
    if (holds<double>(*this)) {
        return "number, " + range_text(*this);
    }
    if (holds<std::chrono::milliseconds>(*this)) {
        return "duration, " + range_text(*this);
    }
    if (holds<std::filesystem::path>(*this)) {
        return "path";
    }
    if (holds<std::vector<Secret>>(*this)) {
        return "list of secrets";
    }
    if (holds<Secret>(*this)) {
        return "secret";
    }
    if (holds<std::vector<std::string>>(*this)) {
        return "list of strings";
    }
    std::string choices;
    for (const std::string_view word : words(*this)) {
        choices.append(choices.empty() ? "one of " : ", ").append(word);
    }
    if (!choices.empty()) {
        return choices;
    }
    return rule == Rule::url ? "URL" : "string";
}

std::string Setting::default_for_people() const
{
    if (section == "sidecar" && key == "name") {
        return "host name";
    }
    if (section == "http" && key == "conninfo") {
        return "database.conninfo";
    }
    if (default_text.empty()) {
        return rule == Rule::conninfo ? "\"\"" : "unset";
    }
    if (holds<int>(*this) || holds<double>(*this)) {
        return std::string(default_text);
    }
    std::string result;
    for (const std::string_view item : split_list(default_text)) {
        result += result.empty() ? "\"" : ", \"";
        result.append(item).append("\"");
    }
    return list() ? "[" + result + "]" : result;
}

std::span<const Setting> settings()
{
    return table;
}

const Setting* find_setting(std::string_view section, std::string_view key)
{
    const auto found = std::ranges::find_if(table, [&](const Setting& setting) {
        return setting.section == section && setting.key == key;
    });
    return found == table.end() ? nullptr : &*found;
}

std::string nearest(std::string_view name, std::span<const std::string> known)
{
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
    for (const std::string& candidate : known) {
        const std::size_t distance = edit_distance(name, candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

std::span<const std::string_view> words(const Setting& setting)
{
    if (holds<HttpVersion>(setting)) {
        return http_version_words;
    }
    if (holds<Cipher>(setting)) {
        return cipher_words;
    }
    if (holds<LogLevel>(setting)) {
        return level_words;
    }
    if (holds<LogFormat>(setting)) {
        return format_words;
    }
    return {};
}

}  // namespace meetlink::config
