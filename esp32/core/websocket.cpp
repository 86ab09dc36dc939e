#include "websocket.h"

#include "../hal/hal.h"
#include "base64.h"

namespace camproxy::ws {

size_t header(uint8_t* out, Opcode opcode, uint32_t size, const uint8_t mask[4]) {
  const uint8_t masked = mask ? 0x80 : 0;
  size_t at = 0;
  out[at++] = static_cast<uint8_t>(0x80 | opcode);
  if (size < 126) {
    out[at++] = static_cast<uint8_t>(masked | size);
  } else if (size < 65536) {
    out[at++] = masked | 126;
    out[at++] = static_cast<uint8_t>(size >> 8);
    out[at++] = static_cast<uint8_t>(size);
  } else {
    out[at++] = masked | 127;
    for (int i = 0; i < 4; i++) out[at++] = 0;
    for (int shift = 24; shift >= 0; shift -= 8) out[at++] = static_cast<uint8_t>(size >> shift);
  }
  if (mask) {
    memcpy(out + at, mask, 4);
    at += 4;
  }
  return at;
}

void mask_bytes(uint8_t* data, size_t size, const uint8_t mask[4], uint32_t offset) {
  for (size_t i = 0; i < size; i++) data[i] ^= mask[(offset + i) & 3];
}

void key_of(const uint8_t random[16], char out[kKeySize + 1]) { base64(random, 16, out); }

void accept_of(const Slice& key, Board& board, char out[kAcceptSize + 1]) {
  char both[kKeySize + 37];
  Writer writer(both, sizeof both);
  writer.add(key.upto(kKeySize)).add("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  uint8_t digest[20];
  board.sha1(reinterpret_cast<const uint8_t*>(both), writer.size(), digest);
  base64(digest, sizeof digest, out);
}

void Reader::reset() {
  state_ = State::header;
  header_at_ = 0;
  message_ = 0;
  size_ = 0;
}

size_t Reader::feed(const uint8_t* data, size_t size, Event& event) {
  event = Event();
  if (state_ == State::ended) return size;
  size_t at = 0;
  while (at < size && event.kind == Event::Kind::none) {
    if (state_ != State::payload) {
      at += begin(data[at], event);
      continue;
    }
    const size_t piece = size - at < left_ ? size - at : left_;
    auto* to = reinterpret_cast<uint8_t*>(is_control() ? control_ + taken_ : buffer_ + size_);
    memcpy(to, data + at, piece);
    if (masked_) mask_bytes(to, piece, mask_, taken_);
    taken_ += static_cast<uint32_t>(piece);
    left_ -= static_cast<uint32_t>(piece);
    if (!is_control()) size_ += piece;
    at += piece;
    if (left_ == 0) finish(event);
  }
  if (event.kind == Event::Kind::broken || event.kind == Event::Kind::too_big) state_ = State::ended;
  return at;
}

// One byte of a frame's header.
size_t Reader::begin(uint8_t byte, Event& event) {
  switch (state_) {
    case State::header:
      if (header_at_ == 0) {
        last_ = (byte & 0x80) != 0;
        opcode_ = byte & 0x0F;
        const bool continues = opcode_ == kContinuation;
        const bool known = continues || opcode_ == kText || opcode_ == kBinary || (opcode_ >= kClose && opcode_ <= kPong);
        // No extension was agreed upon; pieces belong together; control frames come whole.
        const bool in_order = is_control() ? last_ : continues == (message_ != 0);
        if ((byte & 0x70) || !known || !in_order) fail(event, Event::Kind::broken);
        header_at_ = 1;
        break;
      }
      header_at_ = 0;
      left_ = byte & 0x7F;
      if (((byte & 0x80) != 0) != masked_ || (is_control() && left_ > kMostControl)) {
        fail(event, Event::Kind::broken);
      } else if (left_ >= 126) {
        need_ = left_ == 126 ? 2 : 8;
        left_ = 0;
        state_ = State::length;
      } else {
        have_length(event);
      }
      break;
    case State::length:
      // Of eight bytes the first four are zeros in all that we could take.
      if (need_ > 4 && byte != 0) fail(event, Event::Kind::too_big);
      left_ = left_ << 8 | byte;
      if (--need_ == 0) have_length(event);
      break;
    case State::mask:
      mask_[header_at_++] = byte;
      if (header_at_ == 4) {
        header_at_ = 0;
        state_ = State::payload;
        if (left_ == 0) finish(event);
      }
      break;
    default: break;
  }
  return 1;
}

void Reader::have_length(Event& event) {
  if (event.kind != Event::Kind::none) return;
  if (!is_control() && left_ > room_ - size_) {
    fail(event, Event::Kind::too_big);
    return;
  }
  taken_ = 0;
  state_ = masked_ ? State::mask : State::payload;
  if (!masked_ && left_ == 0) finish(event);
}

void Reader::finish(Event& event) {
  state_ = State::header;
  if (!is_control()) {
    if (opcode_ != kContinuation) message_ = opcode_;
    if (!last_) return;
    event.kind = message_ == kText ? Event::Kind::text : Event::Kind::binary;
    event.data = Slice(buffer_, size_);
    message_ = 0;
    size_ = 0;
    return;
  }
  event.data = Slice(control_, taken_);
  if (opcode_ != kClose) {
    event.kind = opcode_ == kPing ? Event::Kind::ping : Event::Kind::pong;
    return;
  }
  event.kind = taken_ == 1 ? Event::Kind::broken : Event::Kind::close;
  event.code = 1005;
  if (taken_ >= 2) {
    event.code = static_cast<uint16_t>(static_cast<uint8_t>(control_[0]) << 8 | static_cast<uint8_t>(control_[1]));
    event.data = event.data.from(2);
  }
}

}  // namespace camproxy::ws
