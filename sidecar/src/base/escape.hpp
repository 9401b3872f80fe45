#pragma once

#include <string>
#include <string_view>

namespace meetlink {

/// Appends `text` as a JSON string with its quotes. Control characters are escaped, invalid UTF-8
/// (overlong forms and surrogates too) becomes U+FFFD, one per offending byte.
void append_json_string(std::string& out, std::string_view text);

/// Appends `text` so that it stays on its line and cannot steer a terminal: control characters, C1
/// included, become \n or \u001b as in JSON; everything else is as in append_json_string.
void append_printable(std::string& out, std::string_view text);

}  // namespace meetlink
