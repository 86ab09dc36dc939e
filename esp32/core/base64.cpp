#include "base64.h"

namespace camproxy {

static const char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64(const uint8_t* data, size_t size, char* out) {
  for (size_t at = 0; at < size; at += 3) {
    const size_t left = size - at;
    const uint32_t three = static_cast<uint32_t>(data[at]) << 16 |
                           (left > 1 ? static_cast<uint32_t>(data[at + 1]) << 8 : 0) | (left > 2 ? data[at + 2] : 0);
    *out++ = kDigits[three >> 18];
    *out++ = kDigits[three >> 12 & 63];
    *out++ = left > 1 ? kDigits[three >> 6 & 63] : '=';
    *out++ = left > 2 ? kDigits[three & 63] : '=';
  }
  *out = 0;
}

int from_base64(const Slice& text, uint8_t* out, size_t room) {
  if (text.size % 4 != 0) return -1;
  size_t size = 0;
  for (size_t at = 0; at < text.size; at += 4) {
    uint32_t four = 0;
    int padding = 0;
    for (size_t i = 0; i < 4; i++) {
      const char c = text.data[at + i];
      const char* digit = c ? strchr(kDigits, c) : nullptr;
      const bool pad = c == '=' && at + 4 == text.size && i >= 2;
      if ((!digit && !pad) || (digit && padding > 0)) return -1;
      padding += pad ? 1 : 0;
      four = four << 6 | static_cast<uint32_t>(digit ? digit - kDigits : 0);
    }
    for (int i = 0; i < 3 - padding; i++) {
      if (size == room) return -1;
      out[size++] = static_cast<uint8_t>(four >> (16 - 8 * i));
    }
  }
  return static_cast<int>(size);
}

}  // namespace camproxy
