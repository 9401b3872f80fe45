#pragma once

#include <boost/asio/awaitable.hpp>

#include "postgres/session.hpp"
#include "token/cipher.hpp"
#include "token/store.hpp"

namespace meetlink::token {

/// What became of the connections.
struct Reencrypted {
    std::int64_t total = 0;  ///< connections there were at the start
    int rewritten = 0;
    int current = 0;     ///< nothing to do: already so, or no tokens
    int unreadable = 0;  ///< no key opens them; left as they are
    int busy = 0;        ///< kept changing, or somebody kept refreshing; run it again
};

/// Moves every connection's tokens to the current key and, when `configured` is aes_256_gcm, to that format.
/// What is current is passed over, so that an interrupted run is resumed by running it again. Each row is
/// written under its refresh lease, and only over the ciphertexts that were read.
[[nodiscard]] boost::asio::awaitable<postgres::Expected<Reencrypted>> reencrypt(
    postgres::Session& session, Store& store, const Cipher& cipher, Format configured);

}  // namespace meetlink::token
