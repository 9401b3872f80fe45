#include "base/json_parser.hpp"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/src.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace meetlink {
namespace {

namespace json = boost::json;

// Deeper than any provider's answer.
constexpr std::size_t max_depth = 64;

/// What boost::json::basic_parser tells of a text, event by event, becomes a value.
class Builder {
public:
    using Text = json::string_view;
    using Error = json::error_code;

    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_object_size = unlimited;
    static constexpr std::size_t max_array_size = unlimited;
    static constexpr std::size_t max_key_size = unlimited;
    static constexpr std::size_t max_string_size = unlimited;

    explicit Builder(std::span<const std::string_view> members) : members_(members) {}

    [[nodiscard]] Json::Value& result() { return result_; }

    bool on_document_begin(Error&) { return true; }
    bool on_document_end(Error&) { return true; }

    bool on_object_begin(Error&) { return open(Json::objectValue); }
    bool on_object_end(std::size_t, Error&) { return close(); }
    bool on_array_begin(Error&) { return open(Json::arrayValue); }
    bool on_array_end(std::size_t, Error&) { return close(); }

    bool on_key_part(Text part, std::size_t, Error&) { return keep(key_, part); }
    bool on_key(Text part, std::size_t, Error&)
    {
        keep(key_, part);
        skipped_ = skipped_depth_ > 0 ||
                   (open_.size() == 1 && !members_.empty() &&
                    std::ranges::find(members_, std::string_view{key_}) == members_.end());
        if (skipped_) {
            key_.clear();
        }
        return true;
    }

    bool on_string_part(Text part, std::size_t, Error&) { return skipped_ || keep(string_, part); }
    bool on_string(Text part, std::size_t, Error&)
    {
        if (skipped_) {
            return true;
        }
        keep(string_, part);
        put(Json::Value(string_.data(), string_.data() + string_.size()));
        string_.clear();
        return true;
    }

    bool on_number_part(Text, Error&) { return true; }
    bool on_int64(std::int64_t number, Text, Error&) { return scalar(Json::Int64{number}); }
    bool on_uint64(std::uint64_t number, Text, Error&) { return scalar(Json::UInt64{number}); }
    bool on_double(double number, Text, Error&) { return scalar(number); }
    bool on_bool(bool value, Error&) { return scalar(value); }
    bool on_null(Error&) { return scalar(Json::nullValue); }

    bool on_comment_part(Text, Error&) { return true; }
    bool on_comment(Text, Error&) { return true; }

private:
    static bool keep(std::string& where, Text part)
    {
        where.append(part.data(), part.size());
        return true;
    }

    template <typename Scalar>
    bool scalar(Scalar value)
    {
        if (!skipped_) {
            put(Json::Value(value));
        }
        return true;
    }

    /// The place of the value that begins now: of two members of one name the last one counts.
    Json::Value& put(Json::Value value)
    {
        Json::Value* place = &result_;
        if (!open_.empty()) {
            Json::Value& parent = *open_.back();
            place = parent.isObject() ? &parent[key_] : &parent.append(Json::Value());
            key_.clear();
        }
        *place = std::move(value);
        return *place;
    }

    bool open(Json::ValueType type)
    {
        if (skipped_) {
            ++skipped_depth_;
        } else {
            open_.push_back(&put(Json::Value(type)));
        }
        return true;
    }

    /// The end of a member that is skipped is found by its depth, unless it has none.
    bool close()
    {
        if (skipped_depth_ > 0) {
            --skipped_depth_;
        } else {
            open_.pop_back();
            skipped_ = false;
        }
        return true;
    }

    std::span<const std::string_view> members_;
    Json::Value result_;
    std::vector<Json::Value*> open_;  ///< objects and arrays around what comes next
    std::string key_;
    std::string string_;
    bool skipped_ = false;  ///< what comes next is of a member that is not kept
    std::size_t skipped_depth_ = 0;
};

}  // namespace

std::optional<Json::Value> parse_members(std::string_view text,
                                         std::span<const std::string_view> members)
{
    json::parse_options options;
    options.max_depth = max_depth;
    options.allow_invalid_utf8 = true;  // one odd byte must not hide the rest from whoever reads it
    json::basic_parser<Builder> parser(options, members);
    json::error_code error;
    const auto read = parser.write_some(false, text.data(), text.size(), error);
    if (error || read != text.size()) {
        return std::nullopt;
    }
    Json::Value& result = parser.handler().result();
    if (!result.isObject() && !result.isArray()) {
        return std::nullopt;
    }
    return std::move(result);
}

}  // namespace meetlink
