#include "http.h"

namespace camproxy {

HttpHead::State HttpHead::feed(char byte) {
  if (state_ != State::reading) return state_;
  if (++total_ > kMostHead) return state_ = State::broken;
  if (byte != '\n') {
    if (size_ < sizeof line_) line_[size_++] = byte;
    return state_;
  }
  line();
  size_ = 0;
  return state_;
}

void HttpHead::line() {
  const Slice whole = Slice(line_, size_).trimmed();
  if (first_) {
    first_ = false;
    first_line(whole);
  } else if (whole.empty()) {
    state_ = State::done;
  } else {
    const size_t colon = whole.find(':');
    header(whole.upto(colon), whole.from(colon + 1).trimmed());
  }
}

void HttpHead::first_line(const Slice& line) {
  const size_t space = line.find(' ');
  const Slice word = line.upto(space);
  const Slice rest = line.from(space + 1);
  if (side_ == Side::response) {
    uint32_t code = 0;
    if (!word.starts_with("HTTP/1.") || !read_number(rest.upto(3), code)) state_ = State::broken;
    status = static_cast<uint16_t>(code);
    return;
  }
  const size_t end = rest.find(' ');
  const bool http = rest.from(end + 1).starts_with("HTTP/1.");
  is_get = word == "GET";
  if (!http || !rest.starts_with("/") || !path.set(rest.upto(end))) state_ = State::broken;
}

void HttpHead::header(const Slice& name, const Slice& value) {
  if (same_word(name, "content-length")) {
    if (!read_number(value, content_length)) state_ = State::broken;
  } else if (same_word(name, "upgrade")) {
    upgrade = same_word(value, "websocket");
  } else if (same_word(name, "transfer-encoding")) {
    chunked = !same_word(value, "identity");
  } else if (same_word(name, "sec-websocket-key") || same_word(name, "sec-websocket-accept")) {
    if (!websocket.set(value)) state_ = State::broken;
  } else if (same_word(name, "sec-websocket-version")) {
    websocket_version.set(value);
  } else if (same_word(name, "authorization")) {
    authorization.set(value);
  }
}

}  // namespace camproxy
