#include "store.hpp"

namespace meetlink::standin {

namespace {

/// More live refresh tokens than this per account and client, and the oldest dies (PROVIDERS.md 1.1).
constexpr std::uint64_t google_live_grants = 100;

std::size_t index(ProviderKind kind)
{
    return static_cast<std::size_t>(kind);
}

// Shaped like the real ones; "standin-secret" lets a test grep logs and tables for a leak of any.
std::string new_access_token(ProviderKind kind)
{
    return (kind == ProviderKind::google ? "ya29.standin-secret-" : "eyJ.standin-secret-") +
           random_text(120, alphanumeric);
}

std::string new_refresh_token(ProviderKind kind)
{
    return (kind == ProviderKind::google ? "1//standin-secret-" : "eyR.standin-secret-") +
           random_text(80, alphanumeric);
}

}  // namespace

std::optional<ProviderKind> parse_provider(std::string_view text)
{
    if (text == "google" || text == "google_meet") return ProviderKind::google;
    if (text == "zoom") return ProviderKind::zoom;
    return std::nullopt;
}

Meeting* Account::find_meeting(std::string_view id)
{
    const auto found = by_id.find(id);
    return found == by_id.end() ? nullptr : found->second;
}

Meeting& Account::add_meeting(Meeting meeting)
{
    Meeting& added = meetings.emplace_back(std::move(meeting));
    by_id.emplace(added.id, &added);
    return added;
}

void Store::set_client(ProviderKind kind, const std::string& id, Client client)
{
    clients_[index(kind)].insert_or_assign(id, std::move(client));
}

const Client* Store::find_client(ProviderKind kind, std::string_view id) const
{
    const auto& clients = clients_[index(kind)];
    const auto found = clients.find(id);
    return found == clients.end() ? nullptr : &found->second;
}

Account& Store::add_account(ProviderKind kind, std::string name, AccountOptions options)
{
    auto& account = *accounts_.emplace_back(std::make_unique<Account>());
    account.provider = kind;
    account.name = std::move(name);
    account.user_id = random_text(22, alphanumeric);
    account.options = std::move(options);
    by_name_[index(kind)].emplace(account.name, &account);
    return account;
}

Account* Store::find_account(ProviderKind kind, std::string_view name)
{
    const auto& accounts = by_name_[index(kind)];
    const auto found = accounts.find(name);
    return found == accounts.end() ? nullptr : found->second;
}

void Store::grant(Account& account, Time now, std::string access, std::string refresh)
{
    if (account.provider == ProviderKind::zoom) revoke(account);
    ++account.grants;
    add_refresh(account,
                refresh.empty() ? new_refresh_token(account.provider) : std::move(refresh));
    issue_access(account, now, std::move(access));
}

void Store::add_refresh(Account& account, std::string token)
{
    account.refresh_token = std::move(token);
    refresh_.insert_or_assign(account.refresh_token,
                              Token{&account, next_serial_++, std::nullopt, account.grants});
}

void Store::issue_access(Account& account, Time now, std::string token)
{
    account.access_token = token.empty() ? new_access_token(account.provider) : std::move(token);
    access_.insert_or_assign(
        account.access_token,
        Token{&account, next_serial_++, now + account.options.expires_in, account.grants});
}

void Store::rotate_refresh(Account& account, std::string_view used, Time now)
{
    // A second use within the grace does not prolong it.
    if (const auto found = refresh_.find(used); found != refresh_.end() && !found->second.dies_at) {
        found->second.dies_at = now + account.options.rotation_grace;
    }
    add_refresh(account, new_refresh_token(account.provider));
}

TokenCheck Store::check_access(ProviderKind kind, std::string_view token, Time now)
{
    const auto found = access_.find(token);
    if (found == access_.end() || found->second.account->provider != kind) return {};
    const auto& [account, serial, dies_at, grant] = found->second;
    if (serial < account->revoked_below) return {TokenState::revoked, account};
    if (serial < account->expired_below || now >= *dies_at) return {TokenState::expired, account};
    return {TokenState::valid, account};
}

TokenCheck Store::check_refresh(ProviderKind kind, std::string_view token, Time now)
{
    const auto found = refresh_.find(token);
    if (found == refresh_.end() || found->second.account->provider != kind) return {};
    const auto& [account, serial, dies_at, grant] = found->second;
    const bool crowded_out =
        kind == ProviderKind::google && account->grants - grant >= google_live_grants;
    if (serial < account->revoked_below || crowded_out || (dies_at && now >= *dies_at)) {
        return {TokenState::revoked, account};
    }
    return {TokenState::valid, account};
}

void Store::clear()
{
    access_.clear();
    refresh_.clear();
    for (auto& names : by_name_) names.clear();
    for (auto& clients : clients_) clients.clear();
    accounts_.clear();
}

void Store::clear_meetings()
{
    for (const auto& account : accounts_) {
        account->by_id.clear();
        account->meetings.clear();
        account->usage = 0;
    }
}

}  // namespace meetlink::standin
