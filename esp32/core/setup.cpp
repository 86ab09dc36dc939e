#include "setup.h"

#include "base64.h"

namespace camproxy {

bool load(Store& store, Board& board, Setup& setup) {
  Setup stored;
  if (store.load("setup", &stored, sizeof stored) && stored.version == kSetupVersion) {
    setup = stored;
    return true;
  }
  setup = Setup();
  char text[17];
  Writer code(text, 9);
  code.add_unsigned(board.random() % 100000000U, 8);
  setup.code.set(code.text());
  const uint32_t random[2] = {board.random(), board.random()};
  Writer nonce(text, sizeof text);
  nonce.add_hex(reinterpret_cast<const uint8_t*>(random), sizeof random);
  setup.nonce.set(nonce.text());
  return false;
}

bool add_pin(const Slice& text, Trust& trust) {
  uint8_t hash[kHashSize];
  if (!text.starts_with("sha256//") || from_base64(text.from(8), hash, sizeof hash) != kHashSize) return false;
  for (uint8_t i = 0; i < trust.pin_count; i++)
    if (memcmp(trust.pins[i], hash, kHashSize) == 0) return true;
  if (trust.pin_count == Trust::kPins) return false;
  memcpy(trust.pins[trust.pin_count++], hash, kHashSize);
  return true;
}

namespace {

// Undoes percent-encoding; false when it does not fit or is none.
bool decode(const Slice& text, char* out, size_t room) {
  Writer writer(out, room);
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] != '%') {
      writer.add(text.data[i]);
      continue;
    }
    uint8_t byte = 0;
    if (!read_hex(text.from(i + 1).upto(2), &byte, 1) || byte < 0x20) return false;
    writer.add(static_cast<char>(byte));
    i += 2;
  }
  return writer.ok();
}

const char* take(const Slice& name, const Slice& value, Setup& setup) {
  if (name == "kind" && value != "esp32cam") return "that link is for another kind of device";
  if (name == "token" && !setup.token.set(value)) return "the token is too long";
  if (name == "tls") setup.tls = value == "1";
  if (name == "fingerprint") {
    setup.trust.has_fingerprint = read_hex(value, setup.trust.fingerprint, kHashSize);
    if (!setup.trust.has_fingerprint) return "the fingerprint is none";
  }
  if (name == "pin" && !add_pin(value, setup.trust)) return "the pin is none, or one too many";
  return nullptr;
}

}  // namespace

const char* pair(const Slice& link, Setup& setup) {
  constexpr const char* not_a_link = "that is no pairing link";
  const Slice scheme = "camproxy://";
  if (!link.starts_with(scheme)) return not_a_link;
  const Slice place = link.from(scheme.size).upto(link.from(scheme.size).find('/'));
  Slice query = link.from(link.find('?') + 1);
  size_t colon = place.size;
  while (colon > 0 && place.data[colon - 1] != ':') colon--;
  uint32_t port = 0;
  if (colon < 2 || !read_number(place.from(colon), port) || port == 0 || port > 65535) return not_a_link;

  Setup next = setup;
  next.trust = Trust();
  next.token.clear();
  next.key.clear();
  next.port = static_cast<uint16_t>(port);
  if (!next.host.set(place.upto(colon - 1))) return "the host's name is too long";
  while (!query.empty()) {
    const Slice part = query.upto(query.find('&'));
    const size_t equals = part.find('=');
    char value[160];
    if (!decode(part.from(equals + 1), value, sizeof value)) return not_a_link;
    if (const char* wrong = take(part.upto(equals), value, next)) return wrong;
    query = query.from(part.size + 1);
  }
  if (next.token.empty()) return "the link has no token";
  setup = next;
  return nullptr;
}

}  // namespace camproxy
