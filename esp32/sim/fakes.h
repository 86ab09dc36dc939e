// The hardware, played: it does what the real one does, and ends the program with "panic: ..." for what bricks, leaks or
// resets a real board.
#pragma once
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "../core/messages.h"
#include "../hal/shared/net_posix.h"
#include "../hal/shared/signature_mbed.h"
#include "options.h"

namespace camproxy::sim {

[[noreturn]] void panic(const std::string& why);
void say(const std::string& line);

// What is not as it should be, for now; set from standard input.
struct Faults {
  bool motion = false;
  uint32_t heap = 0;
  uint32_t block = 0;
  bool wifi = true;
  bool drop = false;
  uint32_t silent_ms = 0;
  uint32_t slow = 0;  // bytes a second that it can send; 0: as the network likes
  int garbage = 0;
  int truncated = 0;
  int blind = 0;
  int cut = 0;
  bool hang = false;
  bool wake = false;
};

class SimBoard final : public Board {
 public:
  // Seconds without a sign of life until the task watchdog bites, as board_esp32.cpp sets it.
  static constexpr unsigned kWatchdog = 30;

  SimBoard(const Options& options, Faults& faults, char** words);
  Ticks ticks() const;
  // Wait for input or a millisecond, take in what came; faults are carried out here.
  void rest(bool busy);

  void feed_watchdog() override;
  uint32_t random() override;
  void sha1(const uint8_t* data, size_t size, uint8_t out[20]) override;
  void set(Pin pin, bool high) override;
  bool get(Pin pin) override;
  void hold_flash(bool held) override;
  uint32_t unix_time() override { return time_known_ ? static_cast<uint32_t>(time(nullptr)) : 0; }
  void set_unix_time(uint32_t) override { time_known_ = true; }
  const char* reset_reason() override { return reset_.c_str(); }
  Wake woken_by() override { return woken_by_; }
  uint32_t free_heap() override { return faults_.heap; }
  uint32_t largest_block() override { return faults_.block; }
  bool temperature(int32_t& tenths) override;
  void sleep(uint32_t seconds, bool by_motion) override;
  void restart() override;
  int serial_read() override;
  void print(const char* level, const char* line) override;

  [[noreturn]] void reset(const char* reason, const char* wake = "");
  bool flash() const { return flash_; }

 private:
  void take_input(int milliseconds);
  void fault(const std::string& line);
  void measure() const;

  Faults& faults_;
  char** words_;
  uint32_t clock_;
  uint32_t speed_;
  std::chrono::steady_clock::time_point begun_;
  std::string reset_;
  Wake woken_by_ = Wake::none;
  bool time_known_ = false;
  bool flash_ = false;
  bool flash_held_ = false;
  bool led_ = true;
  bool input_ended_ = false;
  std::string input_;
  std::string serial_;
};

class SimSensor final : public Sensor {
 public:
  SimSensor(const Options& options, Faults& faults);
  bool start(FrameSize size, uint8_t quality) override;
  void stop() override;
  bool adjust(FrameSize size, uint8_t quality) override;
  bool take(Frame& frame) override;
  void give_back(const Frame& frame) override;
  bool is_out() const { return out_; }

 private:
  using Picture = std::vector<uint8_t>;
  struct Pose {
    int pan = 90;
    int tilt = 90;
  };
  Pose pose();
  void open_album(FrameSize size);
  const Picture& look(const Pose& pose);

  const Options& options_;
  Faults& faults_;
  bool running_ = false;
  bool out_ = false;
  int pose_socket_ = -1;
  Pose pose_;
  std::string folder_;
  std::vector<Pose> views_;
  std::map<std::string, Picture> seen_;
  Picture now_;
  Picture spoilt_;
};

class SimStore final : public Store {
 public:
  explicit SimStore(const std::string& directory) : directory_(directory) {}
  bool load(const char* name, void* to, size_t size) override;
  bool save(const char* name, const void* from, size_t size) override;
  void forget() override;

 private:
  std::string directory_;
};

class SimUpdater final : public Updater {
 public:
  SimUpdater(const Options& options, SimBoard& board);
  const char* version() override { return version_.c_str(); }
  const char* begin(uint32_t size) override;
  bool write(const uint8_t* data, size_t size) override;
  const char* finish(const uint8_t sha256[kHashSize], const uint8_t* signature, size_t size) override;
  void abandon() override;
  bool on_trial() override { return on_trial_; }
  void keep() override;
  void roll_back() override;
  // Whether the firmware that is on trial is one of those that never get anywhere; a test writes that into its image.
  bool is_bad() const { return on_trial_ && bad_; }

 private:
  std::string path(const char* name) const { return directory_ + "/" + name; }

  SimBoard& board_;
  std::string directory_;
  std::string key_;
  std::string version_ = kVersion;
  FirmwareCheck check_;
  std::vector<uint8_t> image_;
  uint32_t size_ = 0;
  bool on_trial_ = false;
  bool bad_ = false;
};

class SimNetwork final : public Network {
 public:
  SimNetwork(const Options& options, Faults& faults, const SimUpdater& updater);
  void join(const Slice& ssid, const Slice&) override;
  bool up() override { return joined_ && faults_.wifi && !updater_.is_bad(); }
  const uint8_t* mac() override { return mac_; }
  uint32_t address() override { return up() ? address_ : 0; }
  int8_t rssi() override { return -57; }

 private:
  Faults& faults_;
  const SimUpdater& updater_;
  bool joined_ = false;
  uint8_t mac_[6] = {};
  uint32_t address_ = 0;
};

// The real connection, and what may happen to it.
class SimConnection final : public Connection {
 public:
  SimConnection(Connection& real, Faults& faults, const SimBoard& board) : real_(real), faults_(faults), board_(board) {}
  void open(const Target& target) override { real_.open(target); }
  Progress progress() override { return real_.progress(); }
  int read(uint8_t* to, size_t room) override;
  int write(const uint8_t* from, size_t size) override;
  void close() override { real_.close(); }
  const char* problem() const override { return real_.problem(); }
  const uint8_t* peer_pin() const override { return real_.peer_pin(); }

 private:
  bool dropped();
  bool silent();
  size_t budget(size_t wanted);
  Connection& real_;
  Faults& faults_;
  const SimBoard& board_;
  bool counting_ = false;
  Ticks silent_since_ = 0;
  Ticks sent_at_ = 0;
  uint32_t allowed_ = 0;
};

}  // namespace camproxy::sim
