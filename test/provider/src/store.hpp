#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clock.hpp"
#include "text.hpp"

namespace meetlink::standin {

enum class ProviderKind : std::uint8_t { google, zoom };
inline constexpr std::array<std::string_view, 2> provider_names{"google", "zoom"};
[[nodiscard]] constexpr std::string_view name(ProviderKind kind)
{
    return provider_names[static_cast<std::size_t>(kind)];
}
/// Accepts "google", "google_meet" and "zoom".
[[nodiscard]] std::optional<ProviderKind> parse_provider(std::string_view text);

/// An application registered at a provider.
struct Client {
    std::string secret;
    bool deleted = false;
};

/// How the conference of a Google event turns out (PROVIDERS.md 1.4).
enum class ConferenceFate : std::uint8_t { success, failure, absent };

/// One calendar event or Zoom meeting.
struct Meeting {
    std::string id;
    std::string resource;  ///< the provider's JSON of it, ready to be sent
    std::string tag;       ///< Google: private property "session"; Zoom: first word of the agenda
    Time starts_at{};
    Time ends_at{};
    bool listed = true;  ///< Zoom does not list instant meetings (PROVIDERS.md 2.2)
    bool deleted = false;
    bool by_human = false;  ///< made in the provider's own pages
    bool deleted_by_human =
        false;  ///< a Google event like this cannot be undeleted (PROVIDERS.md 1.6)
    std::vector<std::string> properties;  ///< Google: private properties as "name=value"
    /// Google: the conference is still pending, for so many more answers, and what comes after them.
    bool pending = false;
    int pending_answers = 0;
    ConferenceFate fate = ConferenceFate::success;
    std::int64_t version = 0;  ///< Google: the etag
};

/// What a test may choose for an account; the rest follows from use.
struct AccountOptions {
    std::string client_id;
    std::string scope;
    seconds expires_in{3599};
    /// Zoom: how long a rotated refresh token still works; 0 = dies at once (PROVIDERS.md 2.1).
    seconds rotation_grace{0};
    int daily_limit = 100;     ///< Zoom: creates and updates per UTC day; 0 = no limit
    bool meet_allowed = true;  ///< Google: the calendar can create hangoutsMeet conferences
    std::optional<seconds>
        refresh_expires_in;  ///< Google apps in "Testing" say so (PROVIDERS.md 1.1)
};

struct Account {
    ProviderKind provider{};
    std::string name;     ///< e-mail address
    std::string user_id;  ///< Zoom's host_id
    AccountOptions options;
    std::string access_token;      ///< the newest
    std::string refresh_token;     ///< the newest
    std::deque<Meeting> meetings;  ///< in order of creation; addresses are stable
    TextMap<Meeting*> by_id;
    /// Tokens with a serial below these marks are dead, or expired.
    std::uint64_t revoked_below = 0;
    std::uint64_t expired_below = 0;
    std::uint64_t grants = 0;  ///< consents so far
    std::chrono::sys_days usage_day{};
    int usage = 0;  ///< Zoom creates and updates on `usage_day`

    [[nodiscard]] Meeting* find_meeting(std::string_view id);
    Meeting& add_meeting(Meeting meeting);
};

enum class TokenState : std::uint8_t { valid, unknown, expired, revoked };

struct TokenCheck {
    TokenState state = TokenState::unknown;
    Account* account = nullptr;  ///< set unless unknown
};

/// Clients, accounts, tokens and meetings of both providers. Accounts live until clear().
class Store {
public:
    void set_client(ProviderKind kind, const std::string& id, Client client);
    [[nodiscard]] const Client* find_client(ProviderKind kind, std::string_view id) const;

    /// The account must not exist yet.
    Account& add_account(ProviderKind kind, std::string name, AccountOptions options);
    [[nodiscard]] Account* find_account(ProviderKind kind, std::string_view name);
    [[nodiscard]] const std::vector<std::unique_ptr<Account>>& accounts() const
    {
        return accounts_;
    }

    /// The owner consents (again): new access and refresh token, chosen here unless given. At Zoom all
    /// earlier tokens die (PROVIDERS.md 2.1), at Google the 101st grant kills the oldest (1.1).
    void grant(Account& account, Time now, std::string access = {}, std::string refresh = {});
    /// A new access token of an existing grant; earlier ones stay valid until they expire.
    void issue_access(Account& account, Time now, std::string token = {});
    /// Zoom: a new refresh token; `used` dies after the account's grace.
    void rotate_refresh(Account& account, std::string_view used, Time now);
    void revoke(Account& account) { account.revoked_below = next_serial_; }
    void expire_access(Account& account) { account.expired_below = next_serial_; }

    [[nodiscard]] TokenCheck check_access(ProviderKind kind, std::string_view token, Time now);
    [[nodiscard]] TokenCheck check_refresh(ProviderKind kind, std::string_view token, Time now);

    void clear();
    void clear_meetings();

private:
    struct Token {
        Account* account;
        std::uint64_t serial;
        std::optional<Time> dies_at;
        std::uint64_t grant = 0;  ///< refresh tokens: the consent that it comes from
    };

    void add_refresh(Account& account, std::string token);

    std::uint64_t next_serial_ = 1;
    std::array<TextMap<Client>, 2> clients_;
    std::array<TextMap<Account*>, 2> by_name_;
    std::vector<std::unique_ptr<Account>> accounts_;
    TextMap<Token> access_;
    TextMap<Token> refresh_;
};

}  // namespace meetlink::standin
