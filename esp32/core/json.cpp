#include "json.h"

namespace camproxy {
namespace {

// Walks over one text. Each function starts at a value's first byte, ends behind its last, and is false at a fault.
class Scanner {
 public:
  explicit Scanner(const Slice& text) : at_(text.data), end_(text.data + text.size) {}

  const char* at() const { return at_; }
  bool at_end() const { return at_ == end_; }
  char peek() const { return at_ == end_ ? '\0' : *at_; }
  void blanks() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) at_++;
  }
  bool take(char wanted) {
    if (peek() != wanted || at_ == end_) return false;
    at_++;
    return true;
  }
  bool value(int depth) {
    switch (peek()) {
      case '{': return depth > 0 && members(depth, '}');
      case '[': return depth > 0 && members(depth, ']');
      case '"': return string();
      case 't': return word("true");
      case 'f': return word("false");
      case 'n': return word("null");
      default: return number();
    }
  }
  bool string() {
    if (!take('"')) return false;
    while (at_ < end_) {
      const auto c = static_cast<uint8_t>(*at_);
      if (c == '"') return take('"');
      if (c < 0x20) return false;
      if (c == '\\' ? !escape() : !character()) return false;
    }
    return false;
  }

 private:
  bool members(int depth, char last) {
    at_++;
    blanks();
    if (take(last)) return true;
    do {
      blanks();
      if (last == '}') {
        if (!string()) return false;
        blanks();
        if (!take(':')) return false;
        blanks();
      }
      if (!value(depth - 1)) return false;
      blanks();
    } while (take(','));
    return take(last);
  }
  bool word(const Slice& wanted) {
    if (!Slice(at_, static_cast<size_t>(end_ - at_)).starts_with(wanted)) return false;
    at_ += wanted.size;
    return true;
  }
  bool digits() {
    const char* begin = at_;
    while (at_ < end_ && *at_ >= '0' && *at_ <= '9') at_++;
    return at_ > begin;
  }
  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      return digits();
    }
    return true;
  }
  bool escape() {
    at_++;
    if (at_ == end_) return false;
    if (*at_ != 'u') return strchr("\"\\/bfnrt", *at_) && *at_ && at_++ < end_;
    if (end_ - at_ < 5) return false;
    uint8_t pair[2];
    if (memchr(at_ + 1, ':', 4) || !read_hex(Slice(at_ + 1, 4), pair, 2)) return false;
    at_ += 5;
    return true;
  }
  // One character of UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
  bool character() {
    const auto first = static_cast<uint8_t>(*at_++);
    if (first < 0x80) return true;
    if (first < 0xC2 || first > 0xF4) return false;
    const int more = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    if (end_ - at_ < more) return false;
    const auto second = static_cast<uint8_t>(*at_);
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return false;
    if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return false;
    for (int i = 0; i < more; i++)
      if ((static_cast<uint8_t>(*at_++) & 0xC0) != 0x80) return false;
    return true;
  }

  const char* at_;
  const char* end_;
};

// Reads the text of a string that was checked, byte by byte as UTF-8.
class Unescaper {
 public:
  explicit Unescaper(const Slice& quoted) : at_(quoted.data + 1), end_(quoted.data + quoted.size - 1) {}

  // The next character in `out` (up to four bytes); its size, 0 at the end.
  size_t next(char out[4]) {
    if (at_ == end_) return 0;
    if (*at_ != '\\') {
      out[0] = *at_++;
      return 1;
    }
    at_++;
    const char kind = *at_++;
    if (kind == 'u') return utf8(code_point(), out);
    static const char names[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    out[0] = meant[strchr(names, kind) - names];
    return 1;
  }

 private:
  uint32_t unit() {
    uint8_t pair[2] = {};
    read_hex(Slice(at_, 4), pair, 2);
    at_ += 4;
    return static_cast<uint32_t>(pair[0] << 8 | pair[1]);
  }
  uint32_t code_point() {
    constexpr uint32_t unknown = 0xFFFD;
    const uint32_t high = unit();
    if (high < 0xD800 || high > 0xDFFF) return high;
    if (high > 0xDBFF || end_ - at_ < 6 || at_[0] != '\\' || at_[1] != 'u') return unknown;  // half a pair
    const char* before = at_;
    at_ += 2;
    const uint32_t low = unit();
    if (low >= 0xDC00 && low <= 0xDFFF) return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    at_ = before;
    return unknown;
  }
  static size_t utf8(uint32_t code, char out[4]) {
    const auto tail = [code](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3F)); };
    if (code < 0x80) {
      out[0] = static_cast<char>(code);
      return 1;
    }
    if (code < 0x800) {
      out[0] = static_cast<char>(0xC0 | code >> 6);
      out[1] = tail(0);
      return 2;
    }
    if (code < 0x10000) {
      out[0] = static_cast<char>(0xE0 | code >> 12);
      out[1] = tail(6);
      out[2] = tail(0);
      return 3;
    }
    out[0] = static_cast<char>(0xF0 | code >> 18);
    out[1] = tail(12);
    out[2] = tail(6);
    out[3] = tail(0);
    return 4;
  }

  const char* at_;
  const char* end_;
};

}  // namespace

Json Json::parse(const Slice& text) {
  Scanner scanner(text);
  scanner.blanks();
  const char* begin = scanner.at();
  if (!scanner.value(kJsonDepth)) return Json();
  const Slice value(begin, static_cast<size_t>(scanner.at() - begin));
  scanner.blanks();
  return scanner.at_end() ? Json(value) : Json();
}

Json::Kind Json::kind() const {
  if (text_.empty()) return Kind::none;
  switch (text_.data[0]) {
    case '{': return Kind::object;
    case '[': return Kind::array;
    case '"': return Kind::string;
    case 't':
    case 'f': return Kind::boolean;
    case 'n': return Kind::null;
    default: return Kind::number;
  }
}

Json Json::operator[](const Slice& name) const {
  if (kind() != Kind::object) return Json();
  Scanner scanner(text_);
  scanner.take('{');
  scanner.blanks();
  while (scanner.peek() == '"') {
    const char* begin = scanner.at();
    scanner.string();
    const Json key(Slice(begin, static_cast<size_t>(scanner.at() - begin)));
    scanner.blanks();
    scanner.take(':');
    scanner.blanks();
    begin = scanner.at();
    scanner.value(kJsonDepth);
    if (key.is(name)) return Json(Slice(begin, static_cast<size_t>(scanner.at() - begin)));
    scanner.blanks();
    scanner.take(',');
    scanner.blanks();
  }
  return Json();
}

bool Json::read(bool& out) const {
  if (kind() != Kind::boolean) return false;
  out = text_.data[0] == 't';
  return true;
}

bool Json::read(int32_t& out) const {
  if (kind() != Kind::number) return false;
  const bool negative = text_.data[0] == '-';
  uint32_t number = 0;
  if (!read_number(text_.from(negative ? 1 : 0), number)) return false;
  out = negative ? -static_cast<int32_t>(number) : static_cast<int32_t>(number);
  return true;
}

bool Json::read(char* out, size_t room) const {
  if (kind() != Kind::string) return false;
  size_t need = 0;
  char piece[4];
  Unescaper measured(text_);
  while (const size_t size = measured.next(piece)) {
    if (piece[0] == 0) return false;
    need += size;
  }
  if (need >= room) return false;
  Unescaper copied(text_);
  size_t at = 0;
  while (const size_t size = copied.next(piece)) {
    memcpy(out + at, piece, size);
    at += size;
  }
  out[at] = 0;
  return true;
}

bool Json::is(const Slice& text) const {
  if (kind() != Kind::string) return false;
  Unescaper mine(text_);
  char piece[4];
  size_t at = 0;
  while (const size_t size = mine.next(piece)) {
    if (text.from(at).upto(size) != Slice(piece, size)) return false;
    at += size;
  }
  return at == text.size;
}

void JsonObject::name(const Slice& name) {
  if (!first_) out_.add(',');
  first_ = false;
  quoted(name);
  out_.add(':');
}

void JsonObject::quoted(const Slice& value) {
  out_.add('"');
  for (size_t i = 0; i < value.size; i++) {
    const char c = value.data[i];
    if (c == '"' || c == '\\') {
      out_.add('\\').add(c);
    } else if (static_cast<uint8_t>(c) < 0x20) {
      const auto byte = static_cast<uint8_t>(c);
      out_.add("\\u00").add_hex(&byte, 1);
    } else {
      out_.add(c);
    }
  }
  out_.add('"');
}

JsonObject& JsonObject::text(const Slice& key, const Slice& value) {
  name(key);
  quoted(value);
  return *this;
}

JsonObject& JsonObject::number(const Slice& key, int32_t value) {
  name(key);
  out_.add_number(value);
  return *this;
}

JsonObject& JsonObject::number_unsigned(const Slice& key, uint32_t value) {
  name(key);
  out_.add_unsigned(value);
  return *this;
}

JsonObject& JsonObject::boolean(const Slice& key, bool value) { return raw(key, value ? "true" : "false"); }

JsonObject& JsonObject::raw(const Slice& key, const Slice& value) {
  name(key);
  out_.add(value);
  return *this;
}

JsonObject& JsonObject::begin(const Slice& key) {
  name(key);
  out_.add('{');
  first_ = true;
  return *this;
}

JsonObject& JsonObject::end() {
  out_.add('}');
  first_ = false;
  return *this;
}

Slice JsonObject::done() {
  out_.add('}');
  return out_.ok() ? out_.text() : Slice();
}

}  // namespace camproxy
