#include "text.h"

namespace camproxy {

size_t Slice::find(char wanted) const {
  const void* found = memchr(data, wanted, size);
  return found ? static_cast<size_t>(static_cast<const char*>(found) - data) : size;
}

Slice Slice::trimmed() const {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  size_t begin = 0;
  size_t end = size;
  while (begin < end && blank(data[begin])) begin++;
  while (end > begin && blank(data[end - 1])) end--;
  return Slice(data + begin, end - begin);
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same_word(const Slice& one, const Slice& other) {
  if (one.size != other.size) return false;
  for (size_t i = 0; i < one.size; i++)
    if (lower(one.data[i]) != lower(other.data[i])) return false;
  return true;
}

bool read_number(const Slice& text, uint32_t& out) {
  if (text.empty() || text.size > 9) return false;
  uint32_t number = 0;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    number = number * 10 + static_cast<uint32_t>(text.data[i] - '0');
  }
  out = number;
  return true;
}

static int hex_digit(char c) {
  c = lower(c);
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool read_hex(const Slice& text, uint8_t* out, size_t room) {
  size_t at = 0;
  for (size_t i = 0; i < room; i++) {
    if (i > 0 && at < text.size && text.data[at] == ':') at++;
    if (at + 2 > text.size) return false;
    const int high = hex_digit(text.data[at]);
    const int low = hex_digit(text.data[at + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<uint8_t>(high * 16 + low);
    at += 2;
  }
  return at == text.size;
}

Writer& Writer::add(const Slice& text) {
  if (!ok_ || text.size >= room_ - size_) {
    ok_ = false;
    return *this;
  }
  memcpy(to_ + size_, text.data, text.size);
  size_ += text.size;
  to_[size_] = 0;
  return *this;
}

Writer& Writer::add_unsigned(uint32_t number, int least_digits) {
  char digits[10];
  size_t at = sizeof digits;
  do {
    digits[--at] = static_cast<char>('0' + number % 10);
    number /= 10;
    least_digits--;
  } while ((number > 0 || least_digits > 0) && at > 0);
  return add(Slice(digits + at, sizeof digits - at));
}

Writer& Writer::add_number(int32_t number) {
  if (number < 0) add('-');
  const auto size = static_cast<uint32_t>(number);
  return add_unsigned(number < 0 ? 0U - size : size);
}

Writer& Writer::add_hex(const uint8_t* data, size_t size) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < size; i++) add(digits[data[i] >> 4]).add(digits[data[i] & 15]);
  return *this;
}

}  // namespace camproxy
