// The WebSocket protocol (RFC 6455), both sides of it, as bytes: no socket, no clock, no allocation.
#pragma once
#include "text.h"

namespace camproxy {
class Board;
}

namespace camproxy::ws {

enum Opcode : uint8_t { kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };
// Close codes (section 7.4.1), and the server's own (docs/protocol.md).
constexpr uint16_t kNormal = 1000;
constexpr uint16_t kGoingAway = 1001;
constexpr uint16_t kProtocolError = 1002;
constexpr uint16_t kTooBig = 1009;

constexpr size_t kMostHeader = 14;
constexpr size_t kMostControl = 125;

// Writes the header of a whole message to `out`, which has room for kMostHeader; its size. `mask` is null for a server.
size_t header(uint8_t* out, Opcode opcode, uint32_t size, const uint8_t mask[4]);
// Masks, or unmasks, bytes that are the ones from `offset` on of their message.
void mask_bytes(uint8_t* data, size_t size, const uint8_t mask[4], uint32_t offset);

// base64 of SHA-1 of the key and the protocol's GUID is what answers a handshake (section 1.3).
constexpr size_t kAcceptSize = 28;
constexpr size_t kKeySize = 24;
void key_of(const uint8_t random[16], char out[kKeySize + 1]);
void accept_of(const Slice& key, Board& board, char out[kAcceptSize + 1]);

struct Event {
  enum class Kind : uint8_t { none, text, binary, ping, pong, close, broken, too_big };
  Kind kind = Kind::none;
  // What it says, in the reader's memory until more is fed.
  Slice data;
  // Of a close; 1005 when it gave none.
  uint16_t code = 0;
};

// Reads what the peer sends, however it was cut into pieces. Messages of at most `room` bytes are taken.
class Reader {
 public:
  // A server's peers mask, a client's must not (section 5.1).
  Reader(char* buffer, size_t room, bool masked) : buffer_(buffer), room_(room), masked_(masked) {}

  void reset();
  // Takes bytes up to the first event; how many. What comes after `broken` and `too_big` is taken and forgotten.
  size_t feed(const uint8_t* data, size_t size, Event& event);

 private:
  enum class State : uint8_t { header, length, mask, payload, ended };
  size_t begin(uint8_t byte, Event& event);
  void have_length(Event& event);
  void finish(Event& event);
  bool is_control() const { return (opcode_ & 8) != 0; }
  static void fail(Event& event, Event::Kind kind) { event.kind = kind; }

  char* buffer_;
  size_t room_;
  bool masked_;
  State state_ = State::header;
  bool last_ = false;
  uint8_t opcode_ = 0;
  uint8_t message_ = 0;  // the opcode of a message in pieces, 0 when there is none
  uint8_t header_at_ = 0;
  uint8_t need_ = 0;
  uint8_t mask_[4] = {};
  uint32_t left_ = 0;
  uint32_t taken_ = 0;  // of this frame
  size_t size_ = 0;     // of the message so far
  char control_[kMostControl + 1] = {};
};

}  // namespace camproxy::ws
