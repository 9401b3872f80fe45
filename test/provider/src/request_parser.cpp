#include "request_parser.hpp"

namespace meetlink::standin {

RequestParser::RequestParser()
{
    body_limit(request_limit);
    eager(true);  // header and body at once, when they came at once
}

Request RequestParser::request() const
{
    Request request;
    request.method = method_;
    request.set_target(target_);
    request.authorization = authorization_;
    request.if_match = if_match_;
    request.body = body_;
    return request;
}

void RequestParser::on_request_impl(boost::beast::http::verb, Text method, Text target, int, Error&)
{
    method_ = method;
    target_ = target;
}

void RequestParser::on_field_impl(Field name, Text, Text value, Error&)
{
    if (name == Field::authorization) authorization_ = value;
    if (name == Field::if_match) if_match_ = value;
}

void RequestParser::on_body_init_impl(const boost::optional<std::uint64_t>& length, Error&)
{
    body_.reserve(length.value_or(0));
}

std::size_t RequestParser::on_body_impl(Text part, Error&)
{
    body_ += part;
    return part.size();
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, Text part, Error& error)
{
    return on_body_impl(part, error);
}

}  // namespace meetlink::standin
