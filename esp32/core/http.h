// The head of an HTTP/1.1 request or response, read byte by byte. Only what a board needs is kept of it.
#pragma once
#include "text.h"
#include "websocket.h"

namespace camproxy {

class HttpHead {
 public:
  enum class Side : uint8_t { request, response };
  enum class State : uint8_t { reading, done, broken };
  // Longer heads are nobody's who means well.
  static constexpr uint16_t kMostHead = 4096;

  explicit HttpHead(Side side) : side_(side) {}
  void reset() { *this = HttpHead(side_); }
  State feed(char byte);
  State state() const { return state_; }

  // Of a response.
  uint16_t status = 0;
  // Of a request: its path, with the query; GET only, others are 405.
  bool is_get = false;
  Text<47> path;
  // What the headers said; the size is UINT32_MAX when there was none.
  uint32_t content_length = UINT32_MAX;
  bool upgrade = false;
  bool chunked = false;
  // Sec-WebSocket-Key or Sec-WebSocket-Accept.
  Text<ws::kAcceptSize> websocket;
  Text<3> websocket_version;
  // "Bearer …" or "Basic …".
  Text<111> authorization;

 private:
  void line();
  void first_line(const Slice& line);
  void header(const Slice& name, const Slice& value);

  Side side_;
  State state_ = State::reading;
  bool first_ = true;
  uint16_t total_ = 0;
  uint16_t size_ = 0;
  char line_[168] = {};  // of longer lines the beginning
};

}  // namespace camproxy
