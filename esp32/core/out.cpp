#include "out.h"

namespace camproxy {

void Out::reset() {
  begin_ = end_ = before_frame_ = 0;
  frame_ = nullptr;
  scratch_begin_ = scratch_end_ = 0;
}

bool Out::make_room(size_t size) {
  if (begin_ > 0) {
    memmove(buffer_, buffer_ + begin_, end_ - begin_);
    end_ -= begin_;
    before_frame_ -= before_frame_ < begin_ ? before_frame_ : begin_;
    begin_ = 0;
  }
  return size <= room_ - end_;
}

bool Out::bytes(const Slice& data) {
  if (!make_room(data.size)) return false;
  memcpy(buffer_ + end_, data.data, data.size);
  end_ += data.size;
  return true;
}

bool Out::message(ws::Opcode opcode, const Slice& data, uint32_t mask) {
  if (!make_room(data.size + ws::kMostHeader)) return false;
  uint8_t key[4];
  memcpy(key, &mask, sizeof key);
  const auto size = static_cast<uint32_t>(data.size);
  end_ += ws::header(buffer_ + end_, opcode, size, scratch_ ? key : nullptr);
  memcpy(buffer_ + end_, data.data, data.size);
  if (scratch_) ws::mask_bytes(buffer_ + end_, data.size, key, 0);
  end_ += data.size;
  return true;
}

bool Out::frame_message(const Frame& frame, uint32_t mask) {
  if (frame_ || !make_room(ws::kMostHeader)) return false;
  memcpy(mask_, &mask, sizeof mask_);
  masked_ = scratch_ != nullptr;
  end_ += ws::header(buffer_ + end_, ws::kBinary, static_cast<uint32_t>(frame.size), masked_ ? mask_ : nullptr);
  return start(frame);
}

bool Out::frame_bytes(const Slice& head, const Frame& frame) {
  if (frame_ || !bytes(head)) return false;
  masked_ = false;
  return start(frame);
}

bool Out::start(const Frame& frame) {
  before_frame_ = end_;
  frame_ = frame.data;
  frame_size_ = static_cast<uint32_t>(frame.size);
  frame_at_ = scratch_begin_ = scratch_end_ = 0;
  return true;
}

bool Out::flush(Connection& connection) {
  moved_ = false;
  const size_t limit = frame_ ? before_frame_ : end_;
  int written = 0;
  if (begin_ < limit) {
    const size_t size = limit - begin_;
    written = connection.write(buffer_ + begin_, size < kPiece ? size : kPiece);
    if (written > 0) begin_ += static_cast<size_t>(written);
  } else if (frame_) {
    written = write_frame(connection);
  }
  moved_ = written > 0;
  return written >= 0;
}

int Out::write_frame(Connection& connection) {
  const uint32_t left = frame_size_ - frame_at_;
  const uint32_t piece = left < kPiece ? left : kPiece;
  int written = 0;
  if (!masked_) {
    written = connection.write(frame_ + frame_at_, piece);
  } else {
    if (scratch_begin_ == scratch_end_) {
      memcpy(scratch_, frame_ + frame_at_, piece);
      ws::mask_bytes(scratch_, piece, mask_, frame_at_);
      scratch_begin_ = 0;
      scratch_end_ = piece;
    }
    written = connection.write(scratch_ + scratch_begin_, scratch_end_ - scratch_begin_);
    if (written > 0) scratch_begin_ += static_cast<uint32_t>(written);
  }
  if (written > 0) frame_at_ += static_cast<uint32_t>(written);
  if (frame_at_ == frame_size_) frame_ = nullptr;
  return written;
}

}  // namespace camproxy
