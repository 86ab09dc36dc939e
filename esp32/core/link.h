// The one connection that the board dials: a WebSocket to the server, or a single HTTP request before there is one.
// One at a time, because a TLS session takes some 40 KB of heap.
#pragma once
#include "http.h"
#include "out.h"

namespace camproxy {

// Who hears of a link. Called from poll; may send, close and begin anew in on_end.
class LinkListener {
 public:
  virtual void on_open() = 0;
  virtual void on_text(const Slice& text) = 0;
  // A part of a response's body, with its status; the whole, if it is not longer than kMostText.
  virtual void on_body(uint16_t status, const Slice& part) = 0;
  // A response has come wholly.
  virtual void on_response(uint16_t status) = 0;
  // After any of these, and after a failure to connect; `code` is the server's close code or 0.
  virtual void on_end(uint16_t code, const char* why) = 0;

 protected:
  ~LinkListener() = default;
};

class Link {
 public:
  static constexpr uint32_t kConnectWithin = 15 * kSecond;
  static constexpr uint32_t kPingEvery = 5 * kSecond;
  static constexpr uint32_t kSilentAfter = 15 * kSecond;
  static constexpr uint32_t kStalledAfter = 10 * kSecond;
  static constexpr uint32_t kCloseWithin = 2 * kSecond;
  // The longest text that the server may send, and the most that may wait to be sent.
  static constexpr size_t kMostText = 672;
  static constexpr size_t kMostWaiting = 640;

  enum class State : uint8_t { idle, connecting, asked, open, closing };

  Link(Connection& connection, Board& board, LinkListener& listener)
      : connection_(connection), board_(board), listener_(listener) {}

  // Dial and become a WebSocket. `bearer` and `path` are copied; false when they are too long.
  bool dial(const Target& target, const Slice& path, const Slice& bearer, Ticks now);
  // One request; `body` empty for a GET, which may be for what begins at byte `from`. False when it is too long.
  bool request(const Target& target, const Slice& path, const Slice& bearer, const Slice& body, uint32_t from,
               Ticks now);

  void poll(Ticks now);
  // False when it is not open, or has too much waiting.
  bool send(const Slice& text);
  bool send(const Frame& frame);
  bool has_frame() const { return out_.has_frame(); }
  void close(uint16_t code, const Slice& reason, Ticks now);
  // At once, without a word.
  void drop(const char* why);

  State state() const { return state_; }
  bool open() const { return state_ == State::open; }
  uint32_t open_for(Ticks now) const { return was_open_ ? since(opened_, now) : 0; }

 private:
  void begin(const Target& target, Ticks now);
  bool head(const Target& target, const Slice& method, const Slice& path, const Slice& bearer);
  bool begun(bool fits);
  void read(Ticks now);
  void have_head(Ticks now);
  void body(const Slice& part);
  void take(const ws::Event& event, Ticks now);
  void end(uint16_t code, const char* why);

  Connection& connection_;
  Board& board_;
  LinkListener& listener_;
  State state_ = State::idle;
  bool websocket_ = false;
  bool was_open_ = false;
  bool pinged_ = false;
  uint16_t told_code_ = 0;
  Ticks begun_ = 0;
  Ticks opened_ = 0;
  Ticks heard_ = 0;
  Ticks moved_ = 0;
  uint32_t body_left_ = 0;
  size_t body_size_ = 0;
  char accept_[ws::kAcceptSize + 1] = {};
  char text_[kMostText] = {};
  uint8_t waiting_[kMostWaiting] = {};
  uint8_t scratch_[kPiece] = {};
  HttpHead head_{HttpHead::Side::response};
  ws::Reader reader_{text_, sizeof text_, false};
  Out out_{waiting_, sizeof waiting_, scratch_};
};

}  // namespace camproxy
