#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <string>

#include "message.hpp"

namespace meetlink::standin {

/// Parses one request over HTTP/1.1 and keeps only what the stand-in looks at: Beast's own message would
/// allocate for each header.
class RequestParser : public boost::beast::http::basic_parser<true> {
public:
    RequestParser();

    /// Of a parser that is done, and valid as long as it lives.
    [[nodiscard]] Request request() const;

private:
    using Field = boost::beast::http::field;
    using Text = boost::beast::string_view;
    using Error = boost::beast::error_code;

    void on_request_impl(boost::beast::http::verb, Text method, Text target, int, Error&) override;
    void on_response_impl(int, Text, int, Error&) override {}
    void on_field_impl(Field name, Text, Text value, Error&) override;
    void on_header_impl(Error&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, Error&) override;
    std::size_t on_body_impl(Text part, Error&) override;
    void on_chunk_header_impl(std::uint64_t, Text, Error&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, Text part, Error&) override;
    void on_finish_impl(Error&) override {}

    std::string method_;
    std::string target_;
    std::string authorization_;
    std::string if_match_;
    std::string body_;
};

}  // namespace meetlink::standin
