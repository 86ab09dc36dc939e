// JSON (RFC 8259) in the bytes as they came: checked once as a whole, then looked into. Nothing is copied or allocated.
#pragma once
#include "text.h"

namespace camproxy {

// Objects and arrays within each other; more is no message of ours.
constexpr int kJsonDepth = 8;

class Json {
 public:
  enum class Kind : uint8_t { none, object, array, string, number, boolean, null };

  Json() = default;
  // A whole text; kind() is none when it is not JSON to its last byte, or not UTF-8.
  static Json parse(const Slice& text);

  Kind kind() const;
  bool there() const { return kind() != Kind::none; }
  // The member of an object; one that is not there, in what is no object either, is of the kind none.
  Json operator[](const Slice& name) const;

  // Each is false, and `out` as before, when the value is of another kind or out of the range.
  bool read(bool& out) const;
  // Whole numbers only: 90, and not 90.5, 9e1 or "90".
  bool read(int32_t& out) const;
  // As UTF-8, at most room - 1 bytes and a zero; texts that have a zero in them do not fit.
  bool read(char* out, size_t room) const;
  template <size_t Most>
  bool read(Text<Most>& out) const {
    Text<Most> read_text;
    if (!read(read_text.data, sizeof read_text.data)) return false;
    return out.set(read_text.slice());
  }
  bool is(const Slice& text) const;

  // The value as it stands there.
  Slice raw() const { return text_; }

 private:
  explicit Json(const Slice& text) : text_(text) {}
  Slice text_;
};

// Writes one object, member after member. Not ok() when it did not fit.
class JsonObject {
 public:
  JsonObject(char* to, size_t room) : out_(to, room) { out_.add('{'); }

  JsonObject& text(const Slice& name, const Slice& value);
  JsonObject& number(const Slice& name, int32_t value);
  JsonObject& number_unsigned(const Slice& name, uint32_t value);
  JsonObject& boolean(const Slice& name, bool value);
  // A value that is JSON already.
  JsonObject& raw(const Slice& name, const Slice& value);
  // A member that is an object itself, until `end`.
  JsonObject& begin(const Slice& name);
  JsonObject& end();

  // The whole, empty when it did not fit.
  Slice done();

 private:
  void name(const Slice& name);
  void quoted(const Slice& value);
  Writer out_;
  bool first_ = true;
};

}  // namespace camproxy
