// The core on an Xtensa CPU, under QEMU: a whole session of a board, and how much memory its state takes.
#include "../../core/app.h"
#include "../../core/messages.h"

using namespace camproxy;

// The budget: an ESP32 has some 110 KB of heap left beside Wi-Fi and the camera, and TLS takes 40 of them.
static_assert(sizeof(App) < 6 * 1024, "the core's state has outgrown its budget");
static_assert(sizeof(void*) == 4, "this is to be a 32-bit CPU");

namespace {

// QEMU's simcalls: write to standard output, and exit (boot.S).
void print(const Slice& text) {
  register int call asm("a2") = 4;
  register int where asm("a3") = 1;
  register const char* data asm("a4") = text.data;
  register size_t size asm("a5") = text.size;
  asm volatile("simcall" : "+r"(call), "+r"(where) : "r"(data), "r"(size) : "memory");
}

struct Wire final : Connection {
  void open(const Target&) override { size = at = 0; }
  Progress progress() override { return Progress::ready; }
  int read(uint8_t* to, size_t room) override {
    size_t got = 0;
    while (got < room && at < size) to[got++] = static_cast<uint8_t>(incoming[at++]);
    return static_cast<int>(got);
  }
  int write(const uint8_t* from, size_t count) override {
    sent += count;
    if (kept + count <= sizeof outgoing) {
      memcpy(outgoing + kept, from, count);
      kept += count;
    }
    return static_cast<int>(count);
  }
  void close() override {}
  const char* problem() const override { return ""; }
  const uint8_t* peer_pin() const override { return nullptr; }
  void bring(const Slice& text) {
    memcpy(incoming + size, text.data, text.size);
    size += text.size;
  }
  void bring_message(const Slice& text) {
    uint8_t head[ws::kMostHeader];
    bring(Slice(reinterpret_cast<char*>(head), ws::header(head, ws::kText, static_cast<uint32_t>(text.size), nullptr)));
    bring(text);
  }
  char incoming[2048];
  size_t size = 0;
  size_t at = 0;
  uint8_t outgoing[2048];
  size_t kept = 0;
  uint32_t sent = 0;
};

struct Nobody final : Listener {
  bool listen(uint16_t) override { return true; }
  Connection* accept(uint8_t) override { return nullptr; }
};

struct Silence final : Multicast {
  bool join() override { return true; }
  void send(const uint8_t*, size_t) override {}
  size_t receive(uint8_t*, size_t) override { return 0; }
};

struct Air final : Network {
  void join(const Slice&, const Slice&) override {}
  bool up() override { return true; }
  const uint8_t* mac() override { return own; }
  uint32_t address() override { return 0x0A000002; }
  int8_t rssi() override { return -50; }
  uint8_t own[6] = {2, 0, 0, 0, 0, 1};
};

struct Eye final : Sensor {
  bool start(FrameSize, uint8_t) override { return true; }
  void stop() override {}
  bool adjust(FrameSize, uint8_t) override { return true; }
  bool take(Frame& frame) override {
    out++;
    taken++;
    frame.data = picture;
    frame.size = sizeof picture;
    return true;
  }
  void give_back(const Frame&) override { out--; }
  uint8_t picture[30000] = {0xFF, 0xD8};
  int out = 0;
  int taken = 0;
};

struct Flash final : Store {
  bool load(const char* name, void* to, size_t size) override {
    if (name[0] != 's' || size != sizeof setup) return false;
    memcpy(to, &setup, size);
    return true;
  }
  bool save(const char*, const void*, size_t) override {
    saved++;
    return true;
  }
  void forget() override {}
  Setup setup;
  int saved = 0;
};

struct Slots final : Updater {
  const char* version() override { return kVersion; }
  const char* begin(uint32_t) override { return nullptr; }
  bool write(const uint8_t*, size_t) override { return true; }
  const char* finish(const uint8_t*, const uint8_t*, size_t) override { return nullptr; }
  void abandon() override {}
  bool on_trial() override { return false; }
  void keep() override {}
  void roll_back() override {}
};

struct Chip final : Board {
  void feed_watchdog() override {}
  uint32_t random() override { return seed = seed * 1664525U + 1013904223U; }
  void sha1(const uint8_t*, size_t, uint8_t out[20]) override { memset(out, 7, 20); }
  uint32_t unix_time() override { return time; }
  void set_unix_time(uint32_t seconds) override { time = seconds; }
  void set(Pin, bool) override {}
  bool get(Pin) override { return false; }
  void hold_flash(bool) override {}
  const char* reset_reason() override { return "poweron"; }
  Wake woken_by() override { return Wake::none; }
  uint32_t free_heap() override { return 90000; }
  uint32_t largest_block() override { return 60000; }
  bool temperature(int32_t&) override { return false; }
  void sleep(uint32_t seconds, bool) override { slept = seconds; }
  void restart() override {}
  int serial_read() override { return -1; }
  void print(const char*, const char*) override {}
  uint32_t seed = 1;
  uint32_t time = 0;
  uint32_t slept = 0;
};

Wire wire;
Nobody nobody;
Silence silence;
Air air;
Eye eye;
Flash flash;
Slots slots;
Chip chip;

int failed = 0;

void check(bool holds, const Slice& what) {
  print(holds ? Slice("ok   ") : Slice("FAIL "));
  print(what);
  print("\n");
  if (!holds) failed = 1;
}

}  // namespace

extern "C" int run() {
  extern void (*__init_begin[])();
  extern void (*__init_end[])();
  for (auto each = __init_begin; each < __init_end; each++) (*each)();
  flash.setup.ssid.set("net");
  flash.setup.host.set("10.0.0.1");
  flash.setup.port = 5000;
  flash.setup.key.set("the-key-of-this-device");
  static App app({chip, air, wire, nobody, silence, eye, flash, slots});

  Ticks now = 0xFFFFFE00U;  // the clock wraps half a second later
  const auto pass = [&now](uint32_t milliseconds) {
    while (milliseconds-- > 0) app.poll(now++);
  };
  app.start(now);
  pass(5);
  check(Slice(reinterpret_cast<char*>(wire.outgoing), 30).starts_with("GET /ws/esp32cam HTTP/1.1\r\n"), "it dials");
  wire.bring("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: BwcHBwcHBwcHBwcHBwcHBwcHBwc=\r\n\r\n");
  pass(5);
  check(app.online(), "it is let in");
  wire.bring_message(R"({"type": "welcome", "server_time": "2026-11-21T10:00:00Z", "config": {"fps": 20, "framesize": "VGA"}})");
  pass(5);
  check(chip.time == 1795255200U, "it knows the time");
  check(app.config().fps == 20 && flash.saved == 1, "it has taken its configuration, and kept it");
  const uint32_t before = wire.sent;
  pass(1000);
  check(eye.taken >= 19 && eye.taken <= 22, "20 pictures in a second, across the wrap of the clock");
  check(wire.sent - before > 19 * sizeof eye.picture, "they went out whole");
  wire.bring_message(R"({"type": "sleep", "id": "1", "seconds": 60})");
  pass(3000);
  check(chip.slept == 60 && eye.out == 0, "it sleeps, and every frame is back");

  char line[64];
  Writer said(line, sizeof line);
  print(said.add("core state: ").add_unsigned(sizeof(App)).add(" bytes\n").text());
  return failed;
}
