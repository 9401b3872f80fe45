#pragma once

#include <exception>
#include <string>

namespace meetlink {

/// The text of a caught exception.
[[nodiscard]] inline std::string what(const std::exception_ptr& thrown)
{
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "an exception of unknown type";
    }
}

}  // namespace meetlink
