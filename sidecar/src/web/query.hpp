#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "web/message.hpp"

/// What a request's target says beyond its path (RFC 3986 section 2.1 and 3.4).
namespace meetlink::web {

/// The text with each %XX as its byte; nothing when one is malformed, or when the result is no single line of
/// valid UTF-8, as no parameter here is anything else.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

/// The path's last segment after `prefix`, decoded; nothing when there is none, or when it cannot be an id.
[[nodiscard]] std::optional<std::string> segment_after(std::string_view path,
                                                       std::string_view prefix);

/// The parameters of a target's query. Errors are 400, as the values are asked for.
class Query {
public:
    /// Unknown, repeated and malformed parameters are refused; `repeatable` names the one that may
    /// occur more than once.
    [[nodiscard]] static std::variant<Query, Answer> parse(
        std::string_view target, std::initializer_list<std::string_view> known,
        std::string_view repeatable = {});

    [[nodiscard]] std::optional<std::string> text(std::string_view name) const;
    [[nodiscard]] std::vector<std::string> texts(std::string_view name) const;
    /// A whole number from 1 to `most`, `otherwise` when absent, nothing when it is something else.
    [[nodiscard]] std::optional<int> count(std::string_view name, int otherwise, int most) const;

private:
    std::vector<std::pair<std::string, std::string>> parameters_;
};

/// 400 for a parameter; `details` says what is wrong with it.
[[nodiscard]] Answer bad_parameter(std::string_view details);

}  // namespace meetlink::web
