#include "mdns.h"

namespace camproxy {
namespace {

enum Type : uint16_t { kA = 1, kPtr = 12, kTxt = 16, kSrv = 33, kAny = 255 };

constexpr const char* kDevice = "_camproxy-device._tcp.local";
constexpr const char* kServer = "_camproxy._tcp.local";

// A name as dots and letters, or cut off where it would not fit; compression is followed, but not for ever.
struct Name {
  char text[128] = {};
  size_t size = 0;
  Slice slice() const { return Slice(text, size); }
};

class Packet {
 public:
  Packet(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  bool ok() const { return ok_; }
  size_t left() const { return at_ < size_ ? size_ - at_ : 0; }
  uint8_t byte() {
    if (at_ >= size_) {
      ok_ = false;
      return 0;
    }
    return data_[at_++];
  }
  uint16_t two() {
    const uint8_t high = byte();
    return static_cast<uint16_t>(high << 8 | byte());
  }
  uint32_t four() {
    const uint32_t high = two();
    return high << 16 | two();
  }
  Slice bytes(size_t size) {
    if (!ok_ || size > left()) {
      ok_ = false;
      return Slice();
    }
    at_ += size;
    return Slice(reinterpret_cast<const char*>(data_) + at_ - size, size);
  }
  void name(Name& out) {
    out.size = 0;
    size_t back = 0;
    for (int labels = 0; ok_; labels++) {
      const uint8_t size = byte();
      if (size == 0) break;
      if (labels > 32) ok_ = false;  // a loop
      if (size >= 0xC0) {
        const size_t to = static_cast<size_t>(size & 0x3F) << 8 | byte();
        if (back == 0) back = at_;
        at_ = to;
        continue;
      }
      const Slice label = bytes(size);
      if (out.size > 0 && out.size < sizeof out.text) out.text[out.size++] = '.';
      const Slice fits = label.upto(sizeof out.text - out.size);
      memcpy(out.text + out.size, fits.data, fits.size);
      out.size += fits.size;
    }
    if (back > 0) at_ = back;
  }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
  bool ok_ = true;
};

class Builder {
 public:
  void two(uint32_t value) {
    byte(static_cast<uint8_t>(value >> 8));
    byte(static_cast<uint8_t>(value));
  }
  void four(uint32_t value) {
    two(value >> 16);
    two(value & 0xFFFF);
  }
  void byte(uint8_t value) {
    if (size_ < sizeof data_) data_[size_++] = value;
  }
  void label(const Slice& text) {
    byte(static_cast<uint8_t>(text.size));
    for (size_t i = 0; i < text.size; i++) byte(static_cast<uint8_t>(text.data[i]));
  }
  // The first label whole, as it may have dots in it; then the rest.
  void name(const Slice& first, const Slice& rest) {
    if (!first.empty()) label(first);
    Slice left = rest;
    while (!left.empty()) {
      const size_t dot = left.find('.');
      label(left.upto(dot));
      left = left.from(dot + 1);
    }
    byte(0);
  }
  void record(const Slice& first, const Slice& rest, Type type, bool unique) {
    name(first, rest);
    two(type);
    two(unique ? 0x8001 : 1);  // IN, and: whatever else was known of this is over
    four(Mdns::kTtl);
    length_at_ = size_;
    two(0);
  }
  void end_record() {
    const size_t size = size_ - length_at_ - 2;
    data_[length_at_] = static_cast<uint8_t>(size >> 8);
    data_[length_at_ + 1] = static_cast<uint8_t>(size);
  }
  void text(const Slice& key, const Slice& value) {
    char both[80];
    Writer writer(both, sizeof both);
    label(writer.add(key).add('=').add(value).text());
  }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  uint8_t data_[512] = {};
  size_t size_ = 0;
  size_t length_at_ = 0;
};

bool ends_with(const Slice& name, const Slice& end) {
  return name.size >= end.size && same_word(name.from(name.size - end.size), end);
}

void read_txt(const Slice& record, FoundServer& found, bool& says_tls) {
  Packet texts(reinterpret_cast<const uint8_t*>(record.data), record.size);
  while (texts.ok() && texts.left() > 0) {
    const Slice text = texts.bytes(texts.byte());
    const Slice value = text.from(text.find('=') + 1);
    const Slice key = text.upto(text.find('='));
    if (same_word(key, "tls")) {
      found.tls = value == "1";
      says_tls = true;
    } else if (same_word(key, "fingerprint")) {
      found.has_fingerprint = read_hex(value, found.fingerprint, kHashSize);
    }
  }
}

}  // namespace

bool read_server(const uint8_t* data, size_t size, FoundServer& found) {
  Packet packet(data, size);
  packet.two();
  if (!(packet.two() & 0x8000)) return false;  // a question
  uint32_t questions = packet.two();
  uint32_t records = packet.two();
  records += packet.two();
  records += packet.two();
  Name name;
  for (; packet.ok() && questions > 0; questions--) {
    packet.name(name);
    packet.four();
  }
  FoundServer next;
  bool says_tls = false;
  for (; packet.ok() && records > 0; records--) {
    packet.name(name);
    const uint16_t type = packet.two();
    packet.two();
    const uint32_t lifetime = packet.four();
    const Slice record = packet.bytes(packet.two());
    if (!packet.ok() || lifetime == 0) continue;  // 0: goodbye
    const auto* bytes = reinterpret_cast<const uint8_t*>(record.data);
    const bool its_own = ends_with(name.slice(), kServer);
    if (type == kSrv && its_own && record.size > 6) next.port = static_cast<uint16_t>(bytes[4] << 8 | bytes[5]);
    if (type == kTxt && its_own) read_txt(record, next, says_tls);
    if (type == kA && record.size == 4 && next.host.empty()) {
      char text[16];
      Writer address(text, sizeof text);
      for (int i = 0; i < 4; i++) address.add(i > 0 ? "." : "").add_unsigned(bytes[i]);
      next.host.set(address.text());
    }
  }
  if (next.port == 0 || next.host.empty() || !says_tls) return false;
  found = next;
  return true;
}

void Mdns::poll(const Announcement& self, bool searching, Ticks now) {
  if (network_.address() == 0) {
    joined_ = false;
    return;
  }
  if (!joined_) {
    joined_ = multicast_.join();
    if (!joined_) return;
    said_ = asked_ = false;
    early_ = 0;
  }
  // Twice at first, a second apart, as the RFC has it.
  if (!said_ || since(said_at_, now) > (early_ < 2 ? kSecond : kSayEvery)) {
    say(self);
    said_ = true;
    said_at_ = now;
    if (early_ < 2) early_++;
  }
  if (searching && !has_found_ && (!asked_ || since(asked_at_, now) > kAskEvery)) {
    ask();
    asked_ = true;
    asked_at_ = now;
  }
  uint8_t packet[kMostPacket];
  const size_t size = multicast_.receive(packet, sizeof packet);
  if (size > 0) hear(packet, size, self, searching, now);
}

void Mdns::say(const Announcement& self) {
  char mac[18];
  Writer address(mac, sizeof mac);
  for (int i = 0; i < 6; i++) address.add(i > 0 ? ":" : "").add_hex(network_.mac() + i, 1);
  char host[24];
  Writer own(host, sizeof host);
  own.add("camproxy-").add_hex(network_.mac(), 6);
  const Slice name = own.text();

  Builder packet;
  packet.two(0);
  packet.two(0x8400);  // an answer, and who gives it knows
  packet.two(0);
  packet.two(4);
  packet.four(0);
  packet.record(Slice(), kDevice, kPtr, false);
  packet.name(name, kDevice);
  packet.end_record();
  packet.record(name, kDevice, kSrv, true);
  packet.four(0);
  packet.two(self.port);
  packet.name(name, "local");
  packet.end_record();
  packet.record(name, kDevice, kTxt, true);
  packet.text("kind", "esp32cam");
  packet.text("mac", address.text());
  packet.text("name", self.name);
  packet.text("version", self.version);
  packet.text("paired", self.paired ? "1" : "0");
  packet.end_record();
  packet.record(name, "local", kA, true);
  packet.four(network_.address());
  packet.end_record();
  multicast_.send(packet.data(), packet.size());
}

void Mdns::ask() {
  Builder packet;
  packet.four(0);
  packet.two(1);
  packet.two(0);
  packet.four(0);
  packet.name(Slice(), kServer);
  packet.two(kPtr);
  packet.two(1);
  multicast_.send(packet.data(), packet.size());
}

void Mdns::hear(const uint8_t* data, size_t size, const Announcement& self, bool searching, Ticks now) {
  if (searching && read_server(data, size, found_)) has_found_ = true;
  Packet packet(data, size);
  packet.two();
  if (packet.two() & 0x8000) return;
  uint32_t questions = packet.two();
  packet.two();
  packet.four();
  for (; packet.ok() && questions > 0; questions--) {
    Name name;
    packet.name(name);
    const uint16_t type = packet.two();
    packet.two();
    // Whoever asks for us, for anything of ours, gets all; but not more than once a second (RFC 6762, section 6).
    const bool ours = ends_with(name.slice(), kDevice) && (type == kPtr || type == kSrv || type == kTxt || type == kAny);
    if (packet.ok() && ours && since(said_at_, now) > kSecond) {
      say(self);
      said_at_ = now;
      return;
    }
  }
}

}  // namespace camproxy
