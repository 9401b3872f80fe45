#pragma once

#include <array>
#include <charconv>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/escape.hpp"

namespace meetlink {

/// Writes JSON as it goes, compact and without a tree: what is made for every job. Nothing checks that each value
/// of an object has its key and each begin its end.
class JsonWriter {
public:
    void begin_object() { open('{'); }
    void begin_object(std::string_view name) { key(name), begin_object(); }
    void end_object() { close('}'); }
    void begin_array() { open('['); }
    void begin_array(std::string_view name) { key(name), begin_array(); }
    void end_array() { close(']'); }

    /// A name is ASCII that needs no escaping.
    void key(std::string_view name)
    {
        separate();
        text_ += '"';
        text_ += name;
        text_ += "\":";
        separator_ = false;
    }

    /// A text, a finite number or a bool. What is not UTF-8 becomes U+FFFD.
    template <typename T>
    void value(const T& value)
    {
        separate();
        if constexpr (std::is_same_v<T, bool>) {
            text_ += value ? "true" : "false";
        } else if constexpr (std::is_arithmetic_v<T>) {
            std::array<char, 32> digits{};
            text_.append(digits.begin(), std::to_chars(digits.begin(), digits.end(), value).ptr);
        } else {
            append_json_string(text_, value);
        }
    }

    template <typename T>
    void member(std::string_view name, const T& its_value)
    {
        key(name);
        value(its_value);
    }

    [[nodiscard]] std::string take() { return std::move(text_); }

private:
    void separate()
    {
        if (std::exchange(separator_, true)) {
            text_ += ',';
        }
    }
    void open(char bracket)
    {
        separate();
        text_ += bracket;
        separator_ = false;
    }
    void close(char bracket)
    {
        text_ += bracket;
        separator_ = true;
    }

    std::string text_;
    bool separator_ = false;  ///< before the next element
};

}  // namespace meetlink
