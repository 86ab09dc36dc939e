// The camera's firmware, whole: whatever it does, it does in poll(). No clock of its own, no heap, nothing that blocks.
#pragma once
#include "backoff.h"
#include "blink.h"
#include "camera.h"
#include "link.h"
#include "mdns.h"
#include "power.h"
#include "setup.h"
#include "update.h"
#include "visitors.h"

namespace camproxy {

class App final : private LinkListener, private Host {
 public:
  static constexpr uint32_t kBeatEvery = 10 * kSecond;
  // A board that waits for somebody to approve its code asks this often.
  static constexpr uint32_t kAskAgain = 5 * kSecond;

  explicit App(const Hal& hal);

  void start(Ticks now);
  void poll(Ticks now);

  Health health() const;
  const CameraConfig& config() const { return config_; }
  const Setup& setup() const { return setup_; }
  bool online() const { return link_.open(); }
  // Whether there is more to do at once; otherwise a millisecond's rest does no harm.
  bool busy() const { return camera_.readers() > 0; }
  uint16_t ignored() const { return ignored_; }

 private:
  enum class Errand : uint8_t { none, session, enrolment, download };
  enum class After : uint8_t { nothing, restart, sleep, download, reconnect };

  // LinkListener
  void on_open() override;
  void on_text(const Slice& text) override;
  void on_body(uint16_t status, const Slice& part) override;
  void on_response(uint16_t status) override;
  void on_end(uint16_t code, const char* why) override;
  // Host
  Slice view_token() override { return setup_.view_token.slice(); }
  Slice status(char* to, size_t room) override;
  Slice obey(const Slice& text, char* to, size_t room) override;

  Slice carry_out(const Json& command, bool from_server, char* to, size_t room);
  const char* do_for_server(const Slice& type, const Json& command);
  const char* configure(const Json& sent);
  void welcomed(const Json& message);

  void read_serial();
  void obey_serial(const Slice& line);
  void set_up_changed(const char* what);
  void show_setup();

  void go_out();
  bool find(Target& target) const;
  void enrol(const Target& target);
  void enrolled(const Slice& body);
  void frames();
  void release_frame();
  void beat();
  void watch_motion();
  void lamp_and_led();
  void leave(After then, const char* reason);
  void do_after();
  void log(const char* level, const Slice& text);

  Hal hal_;
  Ticks now_ = 0;
  Ticks booted_ = 0;
  Ticks retry_at_ = 0;
  Ticks beaten_ = 0;
  bool waits_ = false;
  bool joined_ = false;
  bool refused_ = false;
  bool link_has_frame_ = false;
  bool capture_ = false;
  bool welcomed_ = false;
  bool lamp_asked_ = false;
  bool lamp_ = false;
  bool motion_ = false;
  bool visitors_welcome_ = false;
  Errand errand_ = Errand::none;
  After after_ = After::nothing;
  uint16_t ignored_ = 0;
  const char* reason_ = "";
  uint32_t sleep_seconds_ = 0;
  uint32_t frames_sent_ = 0;
  uint32_t frames_skipped_ = 0;
  Backoff backoff_;
  Pace pace_;
  Power power_;
  CameraConfig config_;
  Setup setup_;
  uint8_t line_size_ = 0;
  char line_[208] = {};
  Camera camera_;
  Link link_;
  Mdns mdns_;
  Update update_;
  Visitors visitors_;
};

}  // namespace camproxy
