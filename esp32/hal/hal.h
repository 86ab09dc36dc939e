// What the core needs of the world. The board, the simulator and the unit tests each bring their own. Nothing here blocks
// for longer than a few milliseconds, unless it says so.
#pragma once
#include "../core/config.h"
#include "../core/text.h"
#include "../core/ticks.h"

namespace camproxy {

constexpr size_t kHashSize = 32;

// Whom to believe over TLS. With pins, that key alone; without them a certificate authority, or, for once, anybody.
struct Trust {
  static constexpr int kPins = 2;
  // SHA-256 of the server's public key (SubjectPublicKeyInfo); the second is that of the key it will have next.
  uint8_t pins[kPins][kHashSize] = {};
  uint8_t pin_count = 0;
  // SHA-256 of its certificate, as the pairing link has it.
  uint8_t fingerprint[kHashSize] = {};
  bool has_fingerprint = false;
  bool anybody = false;
};

struct Target {
  const char* host = "";
  uint16_t port = 0;
  bool tls = true;
  Trust trust;
};

// A stream of bytes to somebody, TLS or plain.
class Connection {
 public:
  enum class Progress : uint8_t { working, ready, failed };
  // Begin to connect; a name is looked up first, which may take as long as the resolver likes.
  virtual void open(const Target& target) = 0;
  virtual Progress progress() = 0;
  // How many bytes; 0 for none now; -1 when it has ended.
  virtual int read(uint8_t* to, size_t room) = 0;
  virtual int write(const uint8_t* from, size_t size) = 0;
  // At once. Idempotent.
  virtual void close() = 0;
  // Why it failed, in a few words of English.
  virtual const char* problem() const = 0;
  // SHA-256 of the public key that the server has shown; null without TLS.
  virtual const uint8_t* peer_pin() const = 0;

 protected:
  ~Connection() = default;
};

// Whoever dials us: the pull mode.
class Listener {
 public:
  virtual bool listen(uint16_t port) = 0;
  // The connection of somebody new in that slot, which is free; null when there is nobody.
  virtual Connection* accept(uint8_t slot) = 0;

 protected:
  ~Listener() = default;
};

// mDNS: one UDP socket in the group 224.0.0.251, port 5353.
class Multicast {
 public:
  virtual bool join() = 0;
  virtual void send(const uint8_t* data, size_t size) = 0;
  // The size of a packet, 0 for none now.
  virtual size_t receive(uint8_t* to, size_t room) = 0;

 protected:
  ~Multicast() = default;
};

class Network {
 public:
  virtual void join(const Slice& ssid, const Slice& password) = 0;
  virtual bool up() = 0;
  virtual uint8_t const* mac() = 0;  // six bytes
  virtual uint32_t address() = 0;    // IPv4, the first byte highest; 0 when there is none
  virtual int8_t rssi() = 0;         // dBm

 protected:
  ~Network() = default;
};

// A picture in the camera driver's memory, until it is given back.
struct Frame {
  const uint8_t* data = nullptr;
  size_t size = 0;
  void* handle = nullptr;
};

class Sensor {
 public:
  // Two buffers in PSRAM and the newest frame; or one of QVGA in DRAM where there is no PSRAM.
  virtual bool start(FrameSize size, uint8_t quality) = 0;
  virtual void stop() = 0;
  // Size and quality while it runs; false when the driver has to be started anew for that.
  virtual bool adjust(FrameSize size, uint8_t quality) = 0;
  // The newest frame; false when there is none yet. Waits for a frame's time at most.
  virtual bool take(Frame& frame) = 0;
  virtual void give_back(const Frame& frame) = 0;

 protected:
  ~Sensor() = default;
};

// NVS: small things that stay without power.
class Store {
 public:
  // Whether there is a record of exactly that size.
  virtual bool load(const char* name, void* to, size_t size) = 0;
  virtual bool save(const char* name, const void* from, size_t size) = 0;
  virtual void forget() = 0;

 protected:
  ~Store() = default;
};

// The other of two OTA slots.
class Updater {
 public:
  // Of the firmware that runs.
  virtual const char* version() = 0;
  // Null, or why it takes none of that size.
  virtual const char* begin(uint32_t size) = 0;
  virtual bool write(const uint8_t* data, size_t size) = 0;
  // Boot it next time, on trial. `signature` is ECDSA (DER) over the SHA-256 by the key that is built in; it is
  // checked here, and so is the hash. Null, or why nothing has changed.
  virtual const char* finish(const uint8_t sha256[kHashSize], const uint8_t* signature, size_t size) = 0;
  virtual void abandon() = 0;
  // Whether this firmware runs on trial: a reset before `keep` brings back the one before.
  virtual bool on_trial() = 0;
  virtual void keep() = 0;
  // Boot the one before, now.
  virtual void roll_back() = 0;

 protected:
  ~Updater() = default;
};

enum class Pin : uint8_t { flash = 4, pir = 13, led = 33 };

enum class Wake : uint8_t { none, motion, timer };

class Board {
 public:
  virtual void feed_watchdog() = 0;
  virtual uint32_t random() = 0;
  virtual void sha1(const uint8_t* data, size_t size, uint8_t out[20]) = 0;

  virtual void set(Pin pin, bool high) = 0;
  virtual bool get(Pin pin) = 0;
  // Keep the flash's pin as it is, also in deep sleep, when nothing else would; it cannot be set until it is released.
  virtual void hold_flash(bool held) = 0;

  // Seconds since 1970, UTC; 0 while nobody has told the time.
  virtual uint32_t unix_time() = 0;
  virtual void set_unix_time(uint32_t seconds) = 0;

  virtual const char* reset_reason() = 0;
  virtual Wake woken_by() = 0;
  virtual uint32_t free_heap() = 0;
  virtual uint32_t largest_block() = 0;
  virtual bool temperature(int32_t& tenths) = 0;  // °C × 10; false when there is no sensor

  // Until the PIR sees something, if `by_motion`, or `seconds` have passed, if not 0. Does not return on a board.
  virtual void sleep(uint32_t seconds, bool by_motion) = 0;
  virtual void restart() = 0;

  // The serial port: a byte, or -1; a line, which never has a secret in it.
  virtual int serial_read() = 0;
  virtual void print(const char* level, const char* line) = 0;

 protected:
  ~Board() = default;
};

struct Hal {
  Board& board;
  Network& network;
  Connection& connection;
  Listener& listener;
  Multicast& multicast;
  Sensor& sensor;
  Store& store;
  Updater& updater;
};

}  // namespace camproxy
