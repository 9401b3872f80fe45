#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace meetlink {

/// A JSON text in UTF-16 or UTF-32, or with a byte order mark, as UTF-8; nothing when it is plain UTF-8
/// already. RFC 8259 wants UTF-8; RFC 4627 section 3 allowed the others, and tells how to recognise them:
/// the first two characters are ASCII, so that the zero bytes among the first four give the encoding away.
/// What cannot be decoded becomes U+FFFD.
[[nodiscard]] std::optional<std::string> json_as_utf8(std::string_view text);

}  // namespace meetlink
