// Text without a heap: a view, a bounded copy, a writer that never writes past its end.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace camproxy {

// Some bytes that belong to somebody else.
struct Slice {
  const char* data = "";
  size_t size = 0;

  Slice() = default;
  Slice(const char* from, size_t length) : data(from), size(length) {}
  Slice(const char* text) : data(text), size(strlen(text)) {}  // NOLINT(google-explicit-constructor): a literal is text

  bool operator==(const Slice& other) const { return size == other.size && memcmp(data, other.data, size) == 0; }
  bool operator!=(const Slice& other) const { return !(*this == other); }
  bool empty() const { return size == 0; }
  Slice from(size_t at) const { return at >= size ? Slice() : Slice(data + at, size - at); }
  Slice upto(size_t length) const { return Slice(data, length < size ? length : size); }
  bool starts_with(const Slice& other) const { return upto(other.size) == other; }
  // The index of a character, or `size`.
  size_t find(char wanted) const;
  Slice trimmed() const;
};

// As HTTP compares its words: ASCII, whatever the case.
bool same_word(const Slice& one, const Slice& other);
// A whole number of at most nine digits, nothing else around it.
bool read_number(const Slice& text, uint32_t& out);
// 2 * `room` hexadecimal digits, with colons between the pairs or without.
bool read_hex(const Slice& text, uint8_t* out, size_t room);

// Appends to `room` bytes, always with a zero behind; what does not fit makes it not ok() and is left out whole.
class Writer {
 public:
  Writer(char* to, size_t room) : to_(to), room_(room) { to_[0] = 0; }

  Writer& add(const Slice& text);
  Writer& add(char one) { return add(Slice(&one, 1)); }
  Writer& add_number(int32_t number);
  Writer& add_unsigned(uint32_t number, int least_digits = 1);
  Writer& add_hex(const uint8_t* data, size_t size);
  bool ok() const { return ok_; }
  size_t size() const { return size_; }
  Slice text() const { return Slice(to_, size_); }

 private:
  char* to_;
  size_t room_;
  size_t size_ = 0;
  bool ok_ = true;
};

// A text of at most Most bytes, kept.
template <size_t Most>
struct Text {
  char data[Most + 1] = {};

  // False, and unchanged, when it does not fit or has a zero in it.
  bool set(const Slice& text) {
    if (text.size > Most || memchr(text.data, 0, text.size)) return false;
    memmove(data, text.data, text.size);
    memset(data + text.size, 0, sizeof data - text.size);  // so that equal texts are equal bytes, and old ones are gone
    return true;
  }
  // As much of it as fits, not cut within a UTF-8 character.
  void set_cut(const Slice& text) {
    size_t size = text.size < Most ? text.size : Most;
    while (size < text.size && size > 0 && (static_cast<uint8_t>(text.data[size]) & 0xC0) == 0x80) size--;
    set(text.upto(size));
  }
  void clear() { memset(data, 0, sizeof data); }
  Slice slice() const { return Slice(data); }
  bool empty() const { return data[0] == 0; }
};

}  // namespace camproxy
