#pragma once

#include <json/value.h>

#include "standin.hpp"

namespace meetlink::standin {

// Accounts and meetings over the admin interface. All throw BadInput.

/// One account from its description, or many from an array of them.
[[nodiscard]] Json::Value create_accounts(Standin& standin, const Json::Value& description);
[[nodiscard]] Json::Value describe_account(const Account& account);
/// Changes the options that are named.
void change_account(Account& account, const Json::Value& changes);

struct MeetingFilter {
    std::string provider;
    std::string account;
    std::string session;  ///< occurs as a word in the tag
    std::string tag;      ///< is the tag
};
[[nodiscard]] Json::Value list_meetings(const Standin& standin, const MeetingFilter& filter);
/// A meeting that a person made in the provider's own pages.
[[nodiscard]] Json::Value add_human_meeting(Standin& standin, const Json::Value& description);

}  // namespace meetlink::standin
