// What the board has to know before it can reach anybody: entered once by a person, kept, and never logged.
#pragma once
#include "../hal/hal.h"

namespace camproxy {

constexpr uint16_t kSetupVersion = 1;

// Stored as it stands, so it has no pointers; another layout is another kSetupVersion.
struct Setup {
  uint16_t version = kSetupVersion;
  uint16_t port = 0;
  bool tls = true;
  // An empty host: the server is looked for by mDNS.
  Text<63> host;
  Text<32> ssid;
  Text<63> password;
  Text<48> name;
  // The pairing token, until it is used; the key that came for it.
  Text<128> token;
  Text<64> key;
  // Whoever wants pictures from the board itself has to bring this; empty: nobody gets any.
  Text<48> view_token;
  // With these it asks to be let in: see docs/protocol.md, Enrolment.
  Text<8> code;
  Text<16> nonce;
  Trust trust;

  bool paired() const { return !key.empty(); }
};

// Loads it, or begins a new one with a code of its own; whether there was one.
bool load(Store& store, Board& board, Setup& setup);

// Takes a pairing link, camproxy://host:port/?kind=esp32cam&token=…&tls=…&fingerprint=…&pin=…: null, or what is wrong.
const char* pair(const Slice& link, Setup& setup);

// "sha256//…" as curl and scripts/make_certs.py write it.
bool add_pin(const Slice& text, Trust& trust);

}  // namespace camproxy
