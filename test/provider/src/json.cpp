#include "json.hpp"

#include <json/reader.h>
#include <json/writer.h>

#include <memory>
#include <sstream>

namespace meetlink::standin {

std::optional<Json::Value> parse_json(std::string_view text)
{
    static const std::unique_ptr<Json::CharReader> reader = [] {
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

std::string to_text(const Json::Value& value)
{
    static const std::unique_ptr<Json::StreamWriter> writer = [] {
        Json::StreamWriterBuilder builder;
        builder["indentation"] = "";
        builder["emitUTF8"] = true;
        return std::unique_ptr<Json::StreamWriter>{builder.newStreamWriter()};
    }();
    static std::ostringstream out;
    out.str({});
    writer->write(value, &out);
    return out.str();
}

std::string text_of(const Json::Value& object, const char* key, std::string_view fallback)
{
    if (!object.isObject()) return std::string{fallback};
    const Json::Value& member = object[key];
    return member.isString() ? member.asString() : std::string{fallback};
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
