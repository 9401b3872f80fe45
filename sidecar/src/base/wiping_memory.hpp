#pragma once

namespace meetlink {

/// From here on every block that this process's C++ code, OpenSSL or libcurl gives back is overwritten
/// first: copies of a token that no Secret owns (an answer's body, a request's headers, a JSON parser's
/// strings, TLS records) do not outlive their use. To be called first thing in main(), before any of
/// these libraries has allocated memory.
///
/// Not reached: plain malloc() of other C libraries (libpq, which sees ciphertexts only; jsoncpp's values,
/// see wipe_strings()), registers, stacks, and what the kernel buffers. What is in use is in use: client
/// secrets and derived keys stay for the daemon's life.
void wipe_freed_memory() noexcept;

}  // namespace meetlink
