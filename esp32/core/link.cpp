#include "link.h"

namespace camproxy {

void Link::begin(const Target& target, Ticks now) {
  out_.reset();
  head_.reset();
  reader_.reset();
  was_open_ = pinged_ = false;
  told_code_ = 0;
  begun_ = heard_ = moved_ = now;
  state_ = State::connecting;
  connection_.open(target);
}

bool Link::head(const Target& target, const Slice& method, const Slice& path, const Slice& bearer) {
  char port[16];
  Writer said(port, sizeof port);
  said.add(':').add_unsigned(target.port);
  bool fits = out_.bytes(method) && out_.bytes(" ") && out_.bytes(path) && out_.bytes(" HTTP/1.1\r\nHost: ") &&
              out_.bytes(target.host) && out_.bytes(said.text()) &&
              out_.bytes("\r\nUser-Agent: camproxy-esp32cam\r\n");
  if (!bearer.empty()) fits = fits && out_.bytes("Authorization: Bearer ") && out_.bytes(bearer) && out_.bytes("\r\n");
  return fits;
}

bool Link::begun(bool fits) {
  if (!fits) {
    connection_.close();
    state_ = State::idle;
  }
  return fits;
}

bool Link::dial(const Target& target, const Slice& path, const Slice& bearer, Ticks now) {
  begin(target, now);
  websocket_ = true;
  uint8_t random[16];
  for (size_t i = 0; i < sizeof random; i += 4) {
    const uint32_t four = board_.random();
    memcpy(random + i, &four, 4);
  }
  char key[ws::kKeySize + 1];
  ws::key_of(random, key);
  ws::accept_of(key, board_, accept_);
  return begun(head(target, "GET", path, bearer) &&
               out_.bytes("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n") &&
               out_.bytes("Sec-WebSocket-Key: ") && out_.bytes(key) && out_.bytes("\r\n\r\n"));
}

bool Link::request(const Target& target, const Slice& path, const Slice& bearer, const Slice& body, uint32_t from,
                   Ticks now) {
  begin(target, now);
  websocket_ = false;
  bool fits = head(target, body.empty() ? "GET" : "POST", path, bearer) && out_.bytes("Connection: close\r\n");
  if (!body.empty()) {
    char length[80];
    Writer said(length, sizeof length);
    said.add("Content-Type: application/json\r\nContent-Length: ").add_unsigned(static_cast<uint32_t>(body.size));
    fits = fits && out_.bytes(said.add("\r\n").text());
  }
  if (from > 0) {
    char range[32];
    Writer said(range, sizeof range);
    fits = fits && out_.bytes(said.add("Range: bytes=").add_unsigned(from).add("-\r\n").text());
  }
  return begun(fits && out_.bytes("\r\n") && out_.bytes(body));
}

void Link::poll(Ticks now) {
  if (state_ == State::idle) return;
  if (state_ == State::connecting) {
    const auto progress = connection_.progress();
    if (progress == Connection::Progress::failed) return end(0, connection_.problem());
    if (progress == Connection::Progress::ready) {
      state_ = State::asked;
      moved_ = heard_ = now;
    } else if (since(begun_, now) > kConnectWithin) {
      return end(0, "it took too long to connect");
    } else {
      return;
    }
  }
  read(now);
  if (state_ == State::idle || state_ == State::connecting) return;
  if (!out_.flush(connection_)) return end(told_code_, "the connection was lost");
  if (out_.moved() || out_.empty()) moved_ = now;
  const uint32_t silent = since(heard_, now);
  if (since(moved_, now) > kStalledAfter) return end(0, "nothing could be sent any more");
  if (silent > kSilentAfter) return end(0, "the server is silent");
  if (state_ == State::closing && since(begun_, now) > kCloseWithin) return end(told_code_, "closed");
  if (state_ == State::open && silent > kPingEvery && !pinged_)
    pinged_ = out_.message(ws::kPing, Slice(), board_.random());
}

void Link::read(Ticks now) {
  uint8_t data[512];
  const int got = connection_.read(data, sizeof data);
  if (got > 0) {
    heard_ = now;
    pinged_ = false;
  }
  size_t at = 0;
  const auto size = static_cast<size_t>(got > 0 ? got : 0);
  while (at < size && (state_ == State::asked || state_ == State::open || state_ == State::closing)) {
    if (head_.state() == HttpHead::State::reading) {
      head_.feed(static_cast<char>(data[at++]));
      if (head_.state() != HttpHead::State::reading) have_head(now);
    } else if (!websocket_) {
      const size_t part = size - at < body_left_ ? size - at : body_left_;
      body(Slice(reinterpret_cast<char*>(data) + at, part));
      at = size;
    } else {
      ws::Event event;
      at += reader_.feed(data + at, size - at, event);
      take(event, now);
    }
  }
  if (got < 0 && state_ != State::idle && state_ != State::connecting)
    end(told_code_, told_code_ ? "closed" : "the connection was lost");
}

void Link::have_head(Ticks now) {
  if (head_.state() == HttpHead::State::broken) return end(0, "that is no HTTP");
  if (!websocket_) {
    if (head_.chunked || head_.content_length == UINT32_MAX) return end(head_.status, "an answer without a length");
    body_left_ = head_.content_length;
    body_size_ = 0;
    if (body_left_ == 0) body(Slice());
    return;
  }
  if (head_.status != 101) return end(head_.status, "the server answered with another status");
  if (!head_.upgrade || head_.websocket.slice() != accept_) return end(0, "that is no WebSocket");
  state_ = State::open;
  was_open_ = true;
  opened_ = now;
  listener_.on_open();
}

void Link::body(const Slice& part) {
  body_left_ -= static_cast<uint32_t>(part.size);
  if (head_.content_length <= sizeof text_) {
    memcpy(text_ + body_size_, part.data, part.size);
    body_size_ += part.size;
    if (body_left_ == 0) listener_.on_body(head_.status, Slice(text_, body_size_));
  } else {
    listener_.on_body(head_.status, part);
  }
  if (body_left_ > 0 || state_ == State::idle) return;
  listener_.on_response(head_.status);
  end(head_.status, "answered");
}

void Link::take(const ws::Event& event, Ticks now) {
  using Kind = ws::Event::Kind;
  switch (event.kind) {
    case Kind::text:
      if (state_ == State::open) listener_.on_text(event.data);
      break;
    case Kind::ping: out_.message(ws::kPong, event.data, board_.random()); break;
    case Kind::close:
      if (state_ == State::closing) return end(told_code_, "closed");
      told_code_ = event.code;
      close(event.code == 1005 ? ws::kNormal : event.code, Slice(), now);
      break;
    case Kind::broken: close(ws::kProtocolError, "not the protocol", now); break;
    case Kind::too_big: close(ws::kTooBig, "too long", now); break;
    default: break;  // a pong, or a binary message, which servers have no use for
  }
}

bool Link::send(const Slice& text) { return open() && out_.message(ws::kText, text, board_.random()); }

bool Link::send(const Frame& frame) { return open() && out_.frame_message(frame, board_.random()); }

void Link::close(uint16_t code, const Slice& reason, Ticks now) {
  if (state_ == State::closing) return;
  if (state_ != State::open) return drop("closed");
  char said[ws::kMostControl];
  said[0] = static_cast<char>(code >> 8);
  said[1] = static_cast<char>(code);
  const Slice cut = reason.upto(sizeof said - 2);
  memcpy(said + 2, cut.data, cut.size);
  out_.message(ws::kClose, Slice(said, cut.size + 2), board_.random());
  state_ = State::closing;
  begun_ = now;
}

void Link::drop(const char* why) {
  if (state_ != State::idle) end(told_code_, why);
}

void Link::end(uint16_t code, const char* why) {
  connection_.close();
  out_.reset();
  state_ = State::idle;
  listener_.on_end(code, why);
}

}  // namespace camproxy
