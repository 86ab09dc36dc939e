// mDNS and DNS-SD (RFC 6762, 6763), as little as it takes: the board announces itself as a _camproxy-device._tcp and
// finds the server, a _camproxy._tcp. What it hears is anybody's word; the server's key is what it believes.
#pragma once
#include "../hal/hal.h"

namespace camproxy {

struct FoundServer {
  Text<15> host;  // its IPv4 address
  uint16_t port = 0;
  bool tls = false;
  uint8_t fingerprint[kHashSize] = {};
  bool has_fingerprint = false;
};

struct Announcement {
  Slice name;
  Slice version;
  bool paired = false;
  uint16_t port = 80;
};

class Mdns {
 public:
  static constexpr uint32_t kAskEvery = 5 * kSecond;
  // Records live for two minutes; said again before that, because answers get lost.
  static constexpr uint32_t kTtl = 120;
  static constexpr uint32_t kSayEvery = 50 * kSecond;
  static constexpr size_t kMostPacket = 1400;

  Mdns(Multicast& multicast, Network& network) : multicast_(multicast), network_(network) {}

  void poll(const Announcement& self, bool searching, Ticks now);
  // The server that answered last; forgotten by `forget`.
  const FoundServer* found() const { return has_found_ ? &found_ : nullptr; }
  void forget() { has_found_ = false; }

 private:
  void say(const Announcement& self);
  void ask();
  void hear(const uint8_t* data, size_t size, const Announcement& self, bool searching, Ticks now);

  Multicast& multicast_;
  Network& network_;
  bool joined_ = false;
  bool said_ = false;
  bool asked_ = false;
  bool has_found_ = false;
  uint8_t early_ = 0;
  Ticks said_at_ = 0;
  Ticks asked_at_ = 0;
  FoundServer found_;
};

// Reads an answer that names a CamProxy; false when it has none with an address, a port and its word on TLS.
bool read_server(const uint8_t* data, size_t size, FoundServer& found);

}  // namespace camproxy
