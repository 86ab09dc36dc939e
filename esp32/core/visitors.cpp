#include "visitors.h"

#include "base64.h"

namespace camproxy {

void Visitors::poll(uint8_t fps, Ticks now) {
  if (!listening_) return;
  welcome(now);
  for (Visitor& visitor : visitors_)
    if (visitor.kind != Kind::none) serve(visitor, fps, now);
}

void Visitors::welcome(Ticks now) {
  for (const Visitor& visitor : visitors_)
    if (visitor.kind == Kind::asking) return;
  for (uint8_t slot = 0; slot < kMost; slot++) {
    Visitor& visitor = visitors_[slot];
    if (visitor.kind != Kind::none) continue;
    visitor.connection = listener_.accept(slot);
    if (!visitor.connection) return;
    visitor.kind = Kind::asking;
    visitor.wants = visitor.has = visitor.leaving = false;
    visitor.heard = visitor.moved = now;
    visitor.pace = Pace();
    visitor.reader.reset();
    visitor.out.reset();
    head_.reset();
    return;
  }
}

void Visitors::serve(Visitor& visitor, uint8_t fps, Ticks now) {
  if (!read(visitor, now)) return let_go(visitor);
  if (visitor.kind == Kind::stream && !visitor.wants && !visitor.has) visitor.wants = visitor.pace.due(fps, now);
  if (visitor.wants && !visitor.has) picture(visitor, now);
  if (!visitor.out.flush(*visitor.connection)) return let_go(visitor);
  if (visitor.has && !visitor.out.has_frame()) {
    visitor.has = false;
    camera_.leave();
    visitor.leaving = visitor.leaving || visitor.kind == Kind::capture;
  }
  if (visitor.out.moved() || visitor.out.empty()) visitor.moved = now;
  const bool late = visitor.kind == Kind::asking && since(visitor.heard, now) > kHeadWithin;
  const bool waits_in_vain = visitor.kind == Kind::capture && since(visitor.heard, now) > kStalledAfter;
  const bool silent = visitor.kind == Kind::websocket && since(visitor.heard, now) > kSilentAfter;
  const bool stalled = since(visitor.moved, now) > kStalledAfter;
  if (late || waits_in_vain || silent || stalled || (visitor.leaving && visitor.out.empty())) let_go(visitor);
}

// False when it has gone.
bool Visitors::read(Visitor& visitor, Ticks now) {
  uint8_t data[256];
  const int got = visitor.connection->read(data, sizeof data);
  if (got < 0) return false;
  const auto size = static_cast<size_t>(got);
  size_t at = 0;
  while (at < size && !visitor.leaving) {
    if (visitor.kind == Kind::asking) {
      head_.feed(static_cast<char>(data[at++]));
      if (head_.state() == HttpHead::State::reading) continue;  // `heard` is when it came: a head has two seconds
      answer(visitor);
      visitor.heard = now;
    } else if (visitor.kind == Kind::websocket) {
      visitor.heard = now;
      ws::Event event;
      at += visitor.reader.feed(data + at, size - at, event);
      take(visitor, event);
    } else {
      break;  // whoever watches has nothing more to say
    }
  }
  return true;
}

void Visitors::answer(Visitor& visitor) {
  const Slice path = head_.path.slice().upto(head_.path.slice().find('?'));
  if (head_.state() == HttpHead::State::broken) return say(visitor, "400 Bad Request", "text/plain", "no request\n");
  if (!head_.is_get) return say(visitor, "405 Method Not Allowed", "text/plain", "GET only\n");
  if (!allowed()) {
    return say(visitor, "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"camera\"", "text/plain",
               "this camera wants its token\n");
  }
  if (path == "/ws") return answer_websocket(visitor);
  if (path == "/status") {
    char said[320];
    return say(visitor, "200 OK", "application/json", host_.status(said, sizeof said));
  }
  if (path == "/stream") {
    visitor.kind = Kind::stream;
    visitor.out.bytes("HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=frame\r\n");
    visitor.out.bytes("Cache-Control: no-store\r\nConnection: close\r\n\r\n--frame\r\n");
  } else if (path == "/capture") {
    visitor.kind = Kind::capture;
    visitor.wants = true;
  } else {
    say(visitor, "404 Not Found", "text/plain", "/ws, /stream, /capture, /status\n");
  }
}

void Visitors::answer_websocket(Visitor& visitor) {
  if (!head_.upgrade || head_.websocket_version.slice() != "13" || head_.websocket.slice().size != ws::kKeySize)
    return say(visitor, "400 Bad Request", "text/plain", "a WebSocket of version 13\n");
  char accept[ws::kAcceptSize + 1];
  ws::accept_of(head_.websocket.slice(), board_, accept);
  visitor.out.bytes("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
  visitor.out.bytes("Sec-WebSocket-Accept: ");
  visitor.out.bytes(accept);
  visitor.out.bytes("\r\n\r\n");
  visitor.kind = Kind::websocket;
}

void Visitors::say(Visitor& visitor, const Slice& status, const Slice& type, const Slice& body) {
  char head[32];
  Writer length(head, sizeof head);
  length.add_unsigned(static_cast<uint32_t>(body.size)).add("\r\n\r\n");
  const Slice parts[] = {"HTTP/1.1 ", status, "\r\nContent-Type: ", type, "\r\nConnection: close\r\nContent-Length: ",
                         length.text(), body};
  bool fits = true;
  for (const Slice& part : parts) fits = fits && visitor.out.bytes(part);
  if (!fits) visitor.out.reset();
  visitor.kind = Kind::farewell;
  visitor.leaving = true;
}

// Bearer with the token; or Basic, whatever the name, with the token as the password, for programs that know no other.
bool Visitors::allowed() const {
  const Slice token = host_.view_token();
  const Slice shown = head_.authorization.slice();
  if (token.empty()) return false;
  uint8_t basic[108];
  Slice said;
  if (same_word(shown.upto(7), "bearer ")) {
    said = shown.from(7);
  } else if (same_word(shown.upto(6), "basic ")) {
    const int size = from_base64(shown.from(6).trimmed(), basic, sizeof basic);
    const Slice both(reinterpret_cast<char*>(basic), static_cast<size_t>(size > 0 ? size : 0));
    said = both.from(both.find(':') + 1);
  }
  // Takes as long for a wrong token as for the right one.
  uint8_t differs = said.size != token.size ? 1 : 0;
  for (size_t i = 0; i < token.size; i++)
    differs |= static_cast<uint8_t>(token.data[i] ^ (i < said.size ? said.data[i] : 0));
  return differs == 0;
}

void Visitors::take(Visitor& visitor, const ws::Event& event) {
  using Is = ws::Event::Kind;
  switch (event.kind) {
    case Is::text: {
      if (event.data == "getframe") {
        visitor.wants = true;  // asking twice before it is there brings one
        break;
      }
      char answer[256];
      const Slice said = host_.obey(event.data, answer, sizeof answer);
      if (!said.empty()) visitor.out.message(ws::kText, said, 0);
      break;
    }
    case Is::ping: visitor.out.message(ws::kPong, event.data, 0); break;
    case Is::close:
    case Is::broken:
    case Is::too_big: {
      const uint16_t code = event.kind == Is::close    ? ws::kNormal
                            : event.kind == Is::broken ? ws::kProtocolError
                                                         : ws::kTooBig;
      const char said[2] = {static_cast<char>(code >> 8), static_cast<char>(code)};
      visitor.out.message(ws::kClose, Slice(said, 2), 0);
      visitor.leaving = true;
      break;
    }
    default: break;
  }
}

void Visitors::picture(Visitor& visitor, Ticks now) {
  // The picture that is out for somebody else may be half sent: old by a moment, and better than none.
  const Frame* frame = camera_.readers() > 0 ? camera_.join() : camera_.take(now);
  if (!frame) return;
  bool fits = false;
  if (visitor.kind == Kind::websocket) {
    fits = visitor.out.frame_message(*frame, 0);
  } else {
    char head[160];
    Writer said(head, sizeof head);
    if (visitor.kind == Kind::capture) said.add("HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nConnection: close\r\n");
    said.add("Content-Type: image/jpeg\r\nContent-Length: ").add_unsigned(static_cast<uint32_t>(frame->size));
    fits = visitor.out.frame_bytes(said.add("\r\n\r\n").text(), *frame);
    if (fits && visitor.kind == Kind::stream) visitor.out.bytes("\r\n--frame\r\n");
  }
  if (!fits) return camera_.leave();
  visitor.wants = false;
  visitor.has = true;
}

void Visitors::let_go(Visitor& visitor) {
  visitor.out.reset();
  if (visitor.has) camera_.leave();
  visitor.has = false;
  visitor.connection->close();
  visitor.kind = Kind::none;
}

void Visitors::close_all() {
  for (Visitor& visitor : visitors_)
    if (visitor.kind != Kind::none) let_go(visitor);
}

bool Visitors::any() const {
  for (const Visitor& visitor : visitors_)
    if (visitor.kind != Kind::none) return true;
  return false;
}

}  // namespace camproxy
