#include "json.hpp"

#include <json/reader.h>
#include <json/writer.h>

#include <memory>
#include <utility>

namespace meetlink::standin {

namespace {

void append_quoted(std::string& out, std::string_view text)
{
    constexpr std::string_view hex = "0123456789abcdef";
    out += '"';
    std::size_t copied = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte != '"' && byte != '\\' && byte >= 0x20) continue;
        out.append(text, copied, i - copied);
        copied = i + 1;
        if (byte >= 0x20) {
            out.append({'\\', text[i]});
        } else {
            out.append({'\\', 'u', '0', '0', hex[byte >> 4U], hex[byte & 15U]});
        }
    }
    out.append(text, copied).append("\"");
}

}  // namespace

std::optional<Json::Value> parse_json(std::string_view text)
{
    // One for each thread: a reader keeps state while it parses, and the self-test's client and server
    // are threads of one process.
    thread_local const std::unique_ptr<Json::CharReader> reader = [] {
        Json::CharReaderBuilder builder;
        Json::CharReaderBuilder::strictMode(&builder.settings_);
        builder["strictRoot"] = false;
        return std::unique_ptr<Json::CharReader>{builder.newCharReader()};
    }();
    Json::Value value;
    std::string errors;
    try {
        if (!reader->parse(text.data(), text.data() + text.size(), &value, &errors)) {
            return std::nullopt;
        }
    } catch (const Json::Exception&) {  // nested deeper than jsoncpp's stack limit
        return std::nullopt;
    }
    return value;
}

// jsoncpp's own writer goes through an ostream and took a third of the time of a request.
void append_text(std::string& out, const Json::Value& value)
{
    switch (value.type()) {
        case Json::nullValue:
            out += "null";
            break;
        case Json::booleanValue:
            out += value.asBool() ? "true" : "false";
            break;
        case Json::intValue:
            out += std::to_string(value.asLargestInt());
            break;
        case Json::uintValue:
            out += std::to_string(value.asLargestUInt());
            break;
        case Json::realValue:
            out += Json::valueToString(value.asDouble());
            break;
        case Json::stringValue:
            append_quoted(out, view_of(value));
            break;
        case Json::arrayValue: {
            char separator = '[';
            for (const auto& item : value) {
                out += std::exchange(separator, ',');
                append_text(out, item);
            }
            out += separator == '[' ? "[]" : "]";
            break;
        }
        case Json::objectValue: {
            char separator = '{';
            for (auto member = value.begin(); member != value.end(); ++member) {
                out += std::exchange(separator, ',');
                const char* end = nullptr;
                const char* name = member.memberName(&end);
                append_quoted(out, {name, static_cast<std::size_t>(end - name)});
                out += ':';
                append_text(out, *member);
            }
            out += separator == '{' ? "{}" : "}";
            break;
        }
    }
}

void append_member(std::string& out, std::string_view name, std::string_view text)
{
    out.append("\"").append(name).append("\":");
    append_quoted(out, text);
    out += ',';
}

std::string to_text(const Json::Value& value)
{
    std::string text;
    text.reserve(1024);
    append_text(text, value);
    return text;
}

std::string_view view_of(const Json::Value& string)
{
    const char* begin = nullptr;
    const char* end = nullptr;
    string.getString(&begin, &end);
    return {begin, static_cast<std::size_t>(end - begin)};
}

const Json::Value* find_member(const Json::Value& object, std::string_view name)
{
    return object.isObject() ? object.find(name.data(), name.data() + name.size()) : nullptr;
}

std::string text_of(const Json::Value& object, const char* key, std::string_view fallback)
{
    const auto* member = find_member(object, key);
    return std::string{member != nullptr && member->isString() ? view_of(*member) : fallback};
}

bool is_object_with(const Json::Value& object, const char* key)
{
    return object.isObject() && object[key].isObject();
}

void merge_patch(Json::Value& target, const Json::Value& patch)
{
    if (!patch.isObject()) {
        target = patch;
        return;
    }
    if (!target.isObject()) target = Json::Value{Json::objectValue};
    for (const auto& name : patch.getMemberNames()) {
        if (patch[name].isNull()) {
            target.removeMember(name);
        } else {
            merge_patch(target[name], patch[name]);
        }
    }
}

}  // namespace meetlink::standin
