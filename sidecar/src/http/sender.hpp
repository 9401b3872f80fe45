#pragma once

#include <boost/asio/awaitable.hpp>

#include "http/message.hpp"

namespace meetlink::http {

/// Sends requests. http::Client is the real one (libcurl); unit tests bring scripted ones.
class Sender {
public:
    virtual ~Sender() = default;
    /// Never throws for what happens on the network: see Response::fault.
    [[nodiscard]] virtual boost::asio::awaitable<Response> send(Request request) = 0;
};

}  // namespace meetlink::http
