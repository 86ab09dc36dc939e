// The pull mode: whoever dials the board. /ws with `getframe` (the server's pull cameras), and for other programs
// /stream, /capture and /status.
#pragma once
#include "camera.h"
#include "http.h"
#include "out.h"

namespace camproxy {

// What a visitor may have, and what becomes of what it says.
class Host {
 public:
  virtual Slice view_token() = 0;
  // Writes the board's state as one JSON object; empty when it does not fit.
  virtual Slice status(char* to, size_t room) = 0;
  // A command; writes the answer to it, empty for none.
  virtual Slice obey(const Slice& text, char* to, size_t room) = 0;

 protected:
  ~Host() = default;
};

class Visitors {
 public:
  static constexpr uint8_t kMost = 2;
  static constexpr uint32_t kHeadWithin = 2 * kSecond;
  static constexpr uint32_t kStalledAfter = 5 * kSecond;
  static constexpr uint32_t kSilentAfter = 30 * kSecond;

  Visitors(Listener& listener, Board& board, Camera& camera, Host& host)
      : listener_(listener), board_(board), camera_(camera), host_(host) {}

  void start(uint16_t port) { listening_ = listener_.listen(port); }
  void poll(uint8_t fps, Ticks now);
  void close_all();
  bool any() const;

 private:
  enum class Kind : uint8_t { none, asking, websocket, stream, capture, farewell };

  struct Visitor {
    Connection* connection = nullptr;
    Kind kind = Kind::none;
    bool wants = false;   // a picture
    bool has = false;     // is a reader of the one that is out
    bool leaving = false; // as soon as all is written
    Ticks heard = 0;
    Ticks moved = 0;
    Pace pace;
    char text[160] = {};
    uint8_t waiting[336] = {};
    ws::Reader reader{text, sizeof text, true};
    Out out{waiting, sizeof waiting, nullptr};
  };

  void welcome(Ticks now);
  void serve(Visitor& visitor, uint8_t fps, Ticks now);
  bool read(Visitor& visitor, Ticks now);
  void answer(Visitor& visitor);
  void answer_websocket(Visitor& visitor);
  void say(Visitor& visitor, const Slice& status, const Slice& type, const Slice& body);
  bool allowed() const;
  void take(Visitor& visitor, const ws::Event& event);
  void picture(Visitor& visitor, Ticks now);
  void let_go(Visitor& visitor);

  Listener& listener_;
  Board& board_;
  Camera& camera_;
  Host& host_;
  bool listening_ = false;
  // One for all: the next is let in when the one before has said what it wants, for which it has two seconds.
  HttpHead head_{HttpHead::Side::request};
  Visitor visitors_[kMost];
};

}  // namespace camproxy
