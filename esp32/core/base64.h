// Base64 (RFC 4648, section 4).
#pragma once
#include "text.h"

namespace camproxy {

constexpr size_t base64_size(size_t bytes) { return (bytes + 2) / 3 * 4; }

// Writes base64_size(size) characters and a zero.
void base64(const uint8_t* data, size_t size, char* out);
// The number of bytes in `out`, or -1 when it is no base64 or does not fit.
int from_base64(const Slice& text, uint8_t* out, size_t room);

}  // namespace camproxy
