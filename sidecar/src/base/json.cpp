#include "base/json.hpp"

#include <json/writer.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <sstream>
#include <utility>

#include "base/json_encoding.hpp"
#include "base/json_parser.hpp"

namespace meetlink {
namespace {

bool is_control(char c)
{
    return static_cast<unsigned char>(c) < 0x20;
}

}  // namespace

std::optional<Json::Value> parse_json(std::string_view text,
                                      std::span<const std::string_view> members)
{
    const auto decoded = json_as_utf8(text);
    if (decoded) {
        text = *decoded;
    }
    auto json = parse_members(text, members);
    if (!json && std::ranges::any_of(text, is_control)) {
        // in a string they are not JSON, but some programs write them
        std::string readable(text);
        std::ranges::replace_if(readable, is_control, ' ');
        json = parse_members(readable, members);
    }
    return json;
}

void wipe_strings(Json::Value& value) noexcept
{
    if (value.isString()) {
        const char* begin = nullptr;
        const char* end = nullptr;
        if (value.getString(&begin, &end)) {
            OPENSSL_cleanse(const_cast<char*>(begin), static_cast<std::size_t>(end - begin));
        }
    } else if (value.isObject() || value.isArray()) {
        for (Json::Value& member : value) {
            wipe_strings(member);
        }
    }
}

std::string write_json(const Json::Value& value)
{
    thread_local const std::unique_ptr<Json::StreamWriter> writer = [] {
        Json::StreamWriterBuilder compact;
        compact["indentation"] = "";
        compact["emitUTF8"] = false;
        return std::unique_ptr<Json::StreamWriter>{compact.newStreamWriter()};
    }();
    std::ostringstream text;
    writer->write(value, &text);
    return std::string{text.view()};  // moved out, it would keep twice the room
}

const Json::Value& at(const Json::Value& value, std::initializer_list<std::string_view> path)
{
    const Json::Value* here = &value;
    for (const std::string_view key : path) {
        const Json::Value* next =
            here->isObject() ? here->find(key.data(), key.data() + key.size()) : nullptr;
        if (next == nullptr) {
            return Json::Value::nullSingleton();
        }
        here = next;
    }
    return *here;
}

std::string string_at(const Json::Value& value, std::initializer_list<std::string_view> path)
{
    const Json::Value& found = at(value, path);
    return found.isString() ? found.asString() : std::string();
}

std::optional<std::int64_t> integer_at(const Json::Value& value,
                                       std::initializer_list<std::string_view> path)
{
    const Json::Value& found = at(value, path);
    if (found.isInt64()) {
        return found.asInt64();
    }
    if (found.isDouble() && std::abs(found.asDouble()) < 9e15) {
        return static_cast<std::int64_t>(found.asDouble());
    }
    if (found.isString()) {
        const std::string text = found.asString();
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error == std::errc() && end == text.data() + text.size()) {
            return number;
        }
    }
    return std::nullopt;
}

}  // namespace meetlink
