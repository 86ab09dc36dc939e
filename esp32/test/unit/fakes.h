// A board in a test's hands: the clock is a number, the server is what the test makes of it.
#pragma once
#include <doctest/doctest.h>

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "../../core/app.h"

namespace camproxy::test {

inline std::string text(const Slice& slice) { return std::string(slice.data, slice.size); }

struct FakeConnection final : Connection {
  void open(const Target& target) override {
    REQUIRE_FALSE(is_open);
    opened++;
    is_open = true;
    host = target.host;
    trust = target.trust;
    tls = target.tls;
    sent.clear();
  }
  Progress progress() override { return answers; }
  int read(uint8_t* to, size_t room) override {
    if (lost) return -1;
    size_t size = 0;
    const size_t most = piece && piece < room ? piece : room;
    while (size < most && !incoming.empty()) {
      to[size++] = static_cast<uint8_t>(incoming.front());
      incoming.pop_front();
    }
    return static_cast<int>(size);
  }
  int write(const uint8_t* from, size_t size) override {
    if (lost) return -1;
    const size_t taken = room < size ? room : size;
    sent.append(reinterpret_cast<const char*>(from), taken);
    return static_cast<int>(taken);
  }
  void close() override {
    is_open = false;
    incoming.clear();
    lost = false;
  }
  const char* problem() const override { return "refused"; }
  const uint8_t* peer_pin() const override { return pin; }

  void bring(const std::string& bytes) { incoming.insert(incoming.end(), bytes.begin(), bytes.end()); }

  Progress answers = Progress::ready;
  bool is_open = false;
  bool lost = false;
  bool tls = false;
  int opened = 0;
  size_t room = SIZE_MAX;
  size_t piece = 0;
  std::string host;
  Trust trust;
  std::string sent;
  std::deque<char> incoming;
  const uint8_t* pin = nullptr;
};

struct FakeListener final : Listener {
  bool listen(uint16_t) override { return true; }
  Connection* accept(uint8_t slot) override {
    if (waiting.empty()) return nullptr;
    Connection* first = waiting.front();
    waiting.pop_front();
    (void)slot;
    return first;
  }
  std::deque<FakeConnection*> waiting;
};

struct FakeMulticast final : Multicast {
  bool join() override { return true; }
  void send(const uint8_t* data, size_t size) override { sent.emplace_back(reinterpret_cast<const char*>(data), size); }
  size_t receive(uint8_t* to, size_t room) override {
    if (incoming.empty()) return 0;
    const std::string packet = incoming.front();
    incoming.pop_front();
    const size_t size = packet.size() < room ? packet.size() : room;
    memcpy(to, packet.data(), size);
    return size;
  }
  std::vector<std::string> sent;
  std::deque<std::string> incoming;
};

struct FakeNetwork final : Network {
  void join(const Slice&, const Slice&) override { joined++; }
  bool up() override { return is_up; }
  const uint8_t* mac() override { return own; }
  uint32_t address() override { return 0x0A010005; }
  int8_t rssi() override { return -60; }
  uint8_t own[6] = {0x24, 0x6F, 0x28, 0xAA, 0xBB, 0xCC};
  bool is_up = true;
  int joined = 0;
};

// Fails the test for what bricks a board or leaks.
struct FakeSensor final : Sensor {
  bool start(FrameSize wanted, uint8_t) override {
    REQUIRE_FALSE(running);
    size = wanted;
    started++;
    return running = works;
  }
  void stop() override {
    REQUIRE(running);
    REQUIRE(out == 0);
    running = false;
  }
  bool adjust(FrameSize wanted, uint8_t) override {
    REQUIRE(out == 0);
    size = wanted;
    return true;
  }
  bool take(Frame& frame) override {
    REQUIRE(running);
    REQUIRE(out == 0);
    if (blind) return false;
    out++;
    taken++;
    frame.data = reinterpret_cast<const uint8_t*>(picture.data());
    frame.size = picture.size();
    return true;
  }
  void give_back(const Frame&) override {
    REQUIRE(out == 1);
    out--;
  }
  bool works = true;
  bool running = false;
  bool blind = false;
  int out = 0;
  int taken = 0;
  int started = 0;
  FrameSize size = FrameSize::svga;
  std::string picture = std::string(5000, 'J');
};

struct FakeStore final : Store {
  bool load(const char* name, void* to, size_t size) override {
    const auto found = records.find(name);
    if (found == records.end() || found->second.size() != size) return false;
    memcpy(to, found->second.data(), size);
    return true;
  }
  bool save(const char* name, const void* from, size_t size) override {
    if (!works) return false;
    saved++;
    records[name] = std::string(static_cast<const char*>(from), size);
    return true;
  }
  void forget() override { records.clear(); }
  bool works = true;
  int saved = 0;
  std::map<std::string, std::string> records;
};

struct FakeUpdater final : Updater {
  const char* version() override { return "1.0.0"; }
  const char* begin(uint32_t wanted) override {
    size = wanted;
    begun++;
    image.clear();
    return nullptr;
  }
  bool write(const uint8_t* data, size_t count) override {
    image.append(reinterpret_cast<const char*>(data), count);
    return true;
  }
  const char* finish(const uint8_t*, const uint8_t*, size_t) override { return good ? nullptr : "a bad signature"; }
  void abandon() override { abandoned++; }
  bool on_trial() override { return trial; }
  void keep() override {
    trial = false;
    kept++;
  }
  void roll_back() override { rolled_back++; }
  uint32_t size = 0;
  std::string image;
  bool good = true;
  bool trial = false;
  int begun = 0;
  int kept = 0;
  int abandoned = 0;
  int rolled_back = 0;
};

struct FakeBoard : Board {
  void feed_watchdog() override { fed++; }
  uint32_t random() override { return seed = seed * 1664525U + 1013904223U; }
  void sha1(const uint8_t*, size_t, uint8_t out[20]) override { memset(out, 7, 20); }
  void set(Pin pin, bool high) override {
    if ((held && pin == Pin::flash) || pin == Pin::pir) FAIL("a pin was set that is held, or an input");
    (pin == Pin::flash ? flash : led) = high;
  }
  bool get(Pin pin) override { return pin == Pin::pir && moves; }
  void hold_flash(bool keep) override { held = keep; }
  uint32_t unix_time() override { return time; }
  void set_unix_time(uint32_t seconds) override { time = seconds; }
  const char* reset_reason() override { return "poweron"; }
  Wake woken_by() override { return wake; }
  uint32_t free_heap() override { return heap; }
  uint32_t largest_block() override { return block; }
  bool temperature(int32_t& tenths) override {
    tenths = -5;
    return true;
  }
  void sleep(uint32_t seconds, bool by_motion) override {
    REQUIRE(held);
    REQUIRE_FALSE(flash);
    slept = seconds;
    slept_for_motion = by_motion;
  }
  void restart() override { restarted++; }
  int serial_read() override {
    if (serial.empty()) return -1;
    const char first = serial.front();
    serial.erase(0, 1);
    return static_cast<unsigned char>(first);
  }
  void print(const char*, const char* line) override { printed += std::string(line) + "\n"; }

  uint32_t seed = 1;
  uint32_t time = 0;
  uint32_t heap = 100000;
  uint32_t block = 100000;
  Wake wake = Wake::none;
  bool moves = false;
  bool flash = false;
  bool led = false;
  bool held = true;
  int fed = 0;
  int restarted = 0;
  uint32_t slept = 0;
  bool slept_for_motion = false;
  std::string serial;
  std::string printed;
};

// What a server says: unmasked.
inline std::string frame(ws::Opcode opcode, const std::string& data) {
  uint8_t head[ws::kMostHeader];
  const size_t size = ws::header(head, opcode, static_cast<uint32_t>(data.size()), nullptr);
  return std::string(reinterpret_cast<char*>(head), size) + data;
}

// What a client says: masked.
inline std::string masked(ws::Opcode opcode, std::string data) {
  const uint8_t mask[4] = {1, 2, 3, 4};
  uint8_t head[ws::kMostHeader];
  const size_t size = ws::header(head, opcode, static_cast<uint32_t>(data.size()), mask);
  ws::mask_bytes(reinterpret_cast<uint8_t*>(data.data()), data.size(), mask, 0);
  return std::string(reinterpret_cast<char*>(head), size) + data;
}

struct Said {
  ws::Event::Kind kind;
  std::string data;
  uint16_t code;
};

// Reads what was sent; `masks` says whether it has to be masked, as a client's is.
inline std::vector<Said> read_all(const std::string& bytes, bool masks) {
  static char room[200000];
  ws::Reader reader(room, sizeof room, masks);
  std::vector<Said> said;
  size_t at = 0;
  while (at < bytes.size()) {
    ws::Event event;
    at += reader.feed(reinterpret_cast<const uint8_t*>(bytes.data()) + at, bytes.size() - at, event);
    if (event.kind != ws::Event::Kind::none) said.push_back({event.kind, text(event.data), event.code});
    if (event.kind == ws::Event::Kind::broken || event.kind == ws::Event::Kind::too_big) break;
  }
  return said;
}

// sha1 is played: 20 bytes of 7.
constexpr const char* kAccept = "BwcHBwcHBwcHBwcHBwcHBwcHBwc=";

struct House {
  explicit House(Ticks begin = 1000, bool paired = true) : now(begin) {
    Setup setup;
    setup.ssid.set("net");
    setup.host.set("10.1.0.1");
    setup.port = 5000;
    setup.nonce.set("nonce");
    setup.code.set("12345678");
    setup.view_token.set("look");
    if (paired) setup.key.set("the-key-of-this-device");
    store.save("setup", &setup, sizeof setup);
    store.saved = 0;
  }
  void start() { app.start(now); }
  // Until it sleeps or starts anew, which on a board is the end of poll, too. A `step` of more is for long waits.
  void run(uint32_t milliseconds, uint32_t step = 1) {
    for (uint32_t i = 0; i < milliseconds && board.slept == 0 && board.restarted == 0; i += step) {
      app.poll(now);
      now += step;
    }
  }
  // The server takes it in.
  void accept() {
    run(3);
    REQUIRE(connection.is_open);
    REQUIRE(connection.sent.find("\r\n\r\n") != std::string::npos);
    connection.sent.clear();
    connection.bring("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: " + std::string(kAccept) + "\r\n\r\n");
    run(2);
  }
  void tell(const std::string& json) {
    connection.bring(frame(ws::kText, json));
    run(12);  // an answer may have to wait for the rest of a picture
  }
  void welcome(const std::string& config = "{}") {
    accept();
    tell(R"({"type": "welcome", "device_id": 1, "server_time": "2026-11-21T10:00:00.5Z", "config": )" + config + "}");
  }
  std::vector<Said> heard() { return read_all(connection.sent, true); }
  // Whether a text with all that in it was sent.
  bool said(const std::string& part) {
    for (const Said& message : heard())
      if (message.kind == ws::Event::Kind::text && message.data.find(part) != std::string::npos) return true;
    return false;
  }

  Ticks now;
  FakeConnection connection;
  FakeListener listener;
  FakeMulticast multicast;
  FakeNetwork network;
  FakeSensor sensor;
  FakeStore store;
  FakeUpdater updater;
  FakeBoard board;
  App app{{board, network, connection, listener, multicast, sensor, store, updater}};
};

}  // namespace camproxy::test
