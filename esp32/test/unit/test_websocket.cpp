#include <random>

#include "../../core/base64.h"

#include "fakes.h"

using namespace camproxy;
using Kind = ws::Event::Kind;
using test::frame;
using test::masked;
using test::text;

namespace {

struct Told {
  std::vector<test::Said> said;
  bool operator==(const Told& other) const {
    if (said.size() != other.said.size()) return false;
    for (size_t i = 0; i < said.size(); i++)
      if (said[i].kind != other.said[i].kind || said[i].data != other.said[i].data || said[i].code != other.said[i].code)
        return false;
    return true;
  }
};

// Feeds it in pieces of the sizes that `next` gives.
template <typename Next>
Told feed(const std::string& bytes, bool masks, size_t room, Next next) {
  std::vector<char> buffer(room);
  ws::Reader reader(buffer.data(), room, masks);
  Told told;
  size_t at = 0;
  while (at < bytes.size()) {
    const size_t wanted = next();
    const std::vector<uint8_t> piece(bytes.begin() + static_cast<long>(at),
                                     bytes.begin() + static_cast<long>(std::min(bytes.size(), at + wanted)));
    size_t taken = 0;
    while (taken < piece.size()) {
      ws::Event event;
      const size_t size = reader.feed(piece.data() + taken, piece.size() - taken, event);
      if (event.kind != Kind::none) told.said.push_back({event.kind, text(event.data), event.code});
      if (size == 0) return told;
      taken += size;
    }
    at += piece.size();
  }
  return told;
}

Told whole(const std::string& bytes, bool masks = false, size_t room = 1000) {
  return feed(bytes, masks, room, [&] { return bytes.size(); });
}

std::string begun(uint8_t first, const std::string& data) {
  std::string made = frame(ws::kText, data);
  made[0] = static_cast<char>(first);
  return made;
}

}  // namespace

TEST_CASE("websocket: messages of all sizes, in pieces, with others in between") {
  const std::string several = begun(0x01, "one ") + frame(ws::kPing, "p") + begun(0x00, "two ") + begun(0x80, "three") +
                              frame(ws::kBinary, std::string(300, 'b')) + frame(ws::kText, "") +
                              frame(ws::kClose, std::string("\x0F\xA1") + "Invalid token");
  const Told told = whole(several);
  REQUIRE(told.said.size() == 5);
  CHECK(told.said[0].kind == Kind::ping);
  CHECK(told.said[1].data == "one two three");
  CHECK(told.said[2].data == std::string(300, 'b'));
  CHECK(told.said[3].kind == Kind::text);
  CHECK(told.said[4].code == 4001);
  CHECK(told.said[4].data == "Invalid token");
}

TEST_CASE("websocket: however it is cut, the same is read") {
  std::mt19937 chance(3);
  const std::string several = masked(ws::kText, "hello") + masked(ws::kPing, std::string(125, 'x')) +
                              masked(ws::kBinary, std::string(700, 'y')) + masked(ws::kText, std::string(200, 'z'));
  const Told once = whole(several, true);
  REQUIRE(once.said.size() == 4);
  CHECK(feed(several, true, 1000, [] { return size_t{1}; }) == once);
  for (int round = 0; round < 500; round++) CHECK(feed(several, true, 1000, [&] { return 1 + chance() % 90; }) == once);
}

TEST_CASE("websocket: what is not allowed ends it") {
  const std::string mask_missing = frame(ws::kText, "a");
  CHECK(whole(mask_missing, true).said.at(0).kind == Kind::broken);
  CHECK(whole(masked(ws::kText, "a"), false).said.at(0).kind == Kind::broken);
  CHECK(whole(begun(0xC1, "rsv")).said.at(0).kind == Kind::broken);
  CHECK(whole(begun(0x83, "opcode 3")).said.at(0).kind == Kind::broken);
  CHECK(whole(begun(0x80, "nothing to go on with")).said.at(0).kind == Kind::broken);
  CHECK(whole(begun(0x01, "a") + frame(ws::kText, "b")).said.at(0).kind == Kind::broken);
  CHECK(whole(begun(0x09, "a ping in pieces")).said.at(0).kind == Kind::broken);
  CHECK(whole(frame(ws::kClose, "x")).said.at(0).kind == Kind::broken);
  CHECK(whole(std::string("\x89\x7E\x00\x80", 4)).said.at(0).kind == Kind::broken);
  CHECK(whole(frame(ws::kText, std::string(1001, 'a'))).said.at(0).kind == Kind::too_big);
  CHECK(whole(begun(0x01, std::string(600, 'a')) + begun(0x80, std::string(401, 'a'))).said.at(0).kind == Kind::too_big);
  CHECK(whole(std::string("\x81\x7F\x00\x00\x00\x01\x00\x00\x00\x00", 10)).said.at(0).kind == Kind::too_big);
  CHECK(whole(std::string("\x81\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10)).said.at(0).kind == Kind::too_big);
}

TEST_CASE("websocket: whatever comes is survived, and nothing is written beyond the room") {
  std::mt19937 chance(11);
  for (int round = 0; round < 20000; round++) {
    std::string bytes = masked(ws::kText, std::string(chance() % 300, 'q')) + masked(ws::kPing, "p") +
                        masked(ws::kClose, std::string("\x03\xE8", 2));
    for (auto i = 1 + chance() % 6; i > 0; i--) bytes[chance() % bytes.size()] = static_cast<char>(chance());
    feed(bytes, true, 64 + chance() % 200, [&] { return 1 + chance() % 40; });
  }
}

TEST_CASE("websocket: the answer to section 1.3's handshake") {
  struct Rfc final : test::FakeBoard {
    void sha1(const uint8_t* data, size_t size, uint8_t out[20]) override {
      CHECK(std::string(reinterpret_cast<const char*>(data), size) ==
            "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
      const uint8_t digest[20] = {0xb3, 0x7a, 0x4f, 0x2c, 0xc0, 0x62, 0x4f, 0x16, 0x90, 0xf6,
                                  0x46, 0x06, 0xcf, 0x38, 0x59, 0x45, 0xb2, 0xbe, 0xc4, 0xea};
      memcpy(out, digest, sizeof digest);
    }
  } board;
  char out[ws::kAcceptSize + 1];
  ws::accept_of("dGhlIHNhbXBsZSBub25jZQ==", board, out);
  CHECK(std::string(out) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
