// What is to be written to one connection: short texts in order, and at most one picture among them, a piece at a time.
#pragma once
#include "../hal/hal.h"
#include "websocket.h"

namespace camproxy {

// No more is encrypted and sent in one poll: with what TLS adds it fits into one TCP segment.
constexpr size_t kPiece = 1024;

class Out {
 public:
  // `scratch`, of kPiece bytes, is where pictures are masked; null for a server, which masks nothing.
  Out(uint8_t* buffer, size_t room, uint8_t* scratch) : buffer_(buffer), room_(room), scratch_(scratch) {}

  void reset();
  // Bytes as they are; false when there is no room, and nothing is queued.
  bool bytes(const Slice& data);
  // A WebSocket message in one piece, masked for a client.
  bool message(ws::Opcode opcode, const Slice& data, uint32_t mask);
  // After what is queued comes a picture, as a WebSocket message or, with another head, as that and the bare bytes.
  // The frame stays the caller's until has_frame() is false.
  bool frame_message(const Frame& frame, uint32_t mask);
  bool frame_bytes(const Slice& head, const Frame& frame);

  bool has_frame() const { return frame_ != nullptr; }
  bool empty() const { return begin_ == end_ && !frame_; }
  // Write once, a piece at most; false when the connection has ended.
  bool flush(Connection& connection);
  // Whether the last flush has got rid of anything.
  bool moved() const { return moved_; }

 private:
  bool make_room(size_t size);
  bool start(const Frame& frame);
  int write_frame(Connection& connection);

  uint8_t* buffer_;
  size_t room_;
  uint8_t* scratch_;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t before_frame_ = 0;  // what of the buffer goes out before the picture
  const uint8_t* frame_ = nullptr;
  uint32_t frame_size_ = 0;
  uint32_t frame_at_ = 0;
  uint32_t scratch_begin_ = 0;
  uint32_t scratch_end_ = 0;
  uint8_t mask_[4] = {};
  bool masked_ = false;
  bool moved_ = false;
};

}  // namespace camproxy
