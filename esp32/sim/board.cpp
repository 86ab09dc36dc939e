#include <arpa/inet.h>
#include <fcntl.h>
#include <mbedtls/sha1.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "fakes.h"

// Of AddressSanitizer; GCC brings no header for it.
extern "C" size_t __sanitizer_get_current_allocated_bytes();

namespace camproxy::sim {

namespace fs = std::filesystem;

void say(const std::string& line) {
  fputs((line + "\n").c_str(), stdout);
  fflush(stdout);
}

void panic(const std::string& why) {
  say("panic: " + why);
  _exit(134);
}

static void bitten(int) {
  static const char said[] = "panic: the task watchdog was not fed\n";
  (void)!write(STDOUT_FILENO, said, sizeof said - 1);
  _exit(134);
}

SimBoard::SimBoard(const Options& options, Faults& faults, char** words)
    : faults_(faults), words_(words), clock_(options.clock), speed_(options.speed), begun_(std::chrono::steady_clock::now()) {
  faults_.heap = faults_.block = options.heap;
  const char* reason = getenv("SIM_RESET");
  const char* wake = getenv("SIM_WAKE");
  reset_ = reason ? reason : "poweron";
  const std::string woken = wake ? wake : "";
  woken_by_ = woken == "motion" ? Wake::motion : woken == "timer" ? Wake::timer : Wake::none;
  faults_.motion = woken_by_ == Wake::motion;
  flash_held_ = getenv("SIM_HELD") != nullptr;
  fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL, 0) | O_NONBLOCK);
  signal(SIGALRM, bitten);
  feed_watchdog();
}

Ticks SimBoard::ticks() const {
  const auto passed = std::chrono::steady_clock::now() - begun_;
  return clock_ + static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(passed * speed_).count());
}

void SimBoard::feed_watchdog() { alarm(kWatchdog); }

uint32_t SimBoard::random() {
  uint32_t number = 0;
  (void)!getrandom(&number, sizeof number, 0);
  return number;
}

void SimBoard::sha1(const uint8_t* data, size_t size, uint8_t out[20]) { mbedtls_sha1_ret(data, size, out); }

void SimBoard::set(Pin pin, bool high) {
  if (pin == Pin::pir) panic("the PIR's pin is an input");
  if (pin == Pin::led) {
    led_ = high;
    return;
  }
  if (flash_held_) panic("a pin was set that is held");
  if (high != flash_) say(high ? "sim flash on" : "sim flash off");
  flash_ = high;
}

bool SimBoard::get(Pin pin) { return pin == Pin::pir ? faults_.motion : pin == Pin::led ? led_ : flash_; }

void SimBoard::hold_flash(bool held) { flash_held_ = held; }

bool SimBoard::temperature(int32_t& tenths) {
  tenths = 412;
  return true;
}

void SimBoard::sleep(uint32_t seconds, bool by_motion) {
  if (flash_) panic("it sleeps with its flash on");
  if (!flash_held_) panic("the flash's pin floats while it sleeps");
  if (seconds == 0 && !by_motion) panic("it would sleep for ever");
  say("sim asleep " + std::to_string(seconds) + (by_motion ? " motion" : ""));
  alarm(0);
  setenv("SIM_HELD", "1", 1);
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(1000ULL * seconds / speed_);
  faults_.wake = false;
  while (!input_ended_) {
    if (by_motion && faults_.motion) reset("deepsleep", "motion");
    if (faults_.wake || (seconds > 0 && std::chrono::steady_clock::now() >= until)) reset("deepsleep", "timer");
    take_input(20);
  }
  _exit(0);
}

void SimBoard::restart() { reset("sw"); }

// A reset: all that was in memory is gone. The serial port and what is in the store stay.
void SimBoard::reset(const char* reason, const char* wake) {
  setenv("SIM_RESET", reason, 1);
  setenv("SIM_WAKE", wake, 1);
  if (strcmp(reason, "deepsleep") != 0) unsetenv("SIM_HELD");
  say(std::string("sim reset ") + reason);
  alarm(0);
  execv("/proc/self/exe", words_);
  panic("it cannot start anew");
}

int SimBoard::serial_read() {
  if (serial_.empty()) return -1;
  const auto first = static_cast<unsigned char>(serial_.front());
  serial_.erase(0, 1);
  return first;
}

void SimBoard::print(const char* level, const char* line) { say(std::string(level) + " " + line); }

void SimBoard::rest(bool busy) {
  if (faults_.hang) {
    say("sim hangs");
    alarm(1);  // as if the watchdog's time were nearly over
    for (;;) pause();
  }
  take_input(busy ? 0 : 1);
  if (input_ended_) exit(0);  // whoever started it has gone
}

void SimBoard::take_input(int milliseconds) {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  if (poll(&input, 1, milliseconds) <= 0) return;
  char data[1024];
  const ssize_t got = read(STDIN_FILENO, data, sizeof data);
  if (got == 0) input_ended_ = true;
  if (got <= 0) return;
  input_.append(data, static_cast<size_t>(got));
  size_t end = 0;
  while ((end = input_.find('\n')) != std::string::npos) {
    const std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    if (!line.empty() && line[0] == '!') {
      fault(line.substr(1));
    } else {
      serial_ += line + "\n";
    }
  }
}

void SimBoard::fault(const std::string& line) {
  const size_t space = line.find(' ');
  const std::string what = line.substr(0, space);
  const int number = space == std::string::npos ? 1 : atoi(line.c_str() + space);
  const auto size = static_cast<uint32_t>(number);
  if (what == "pir") faults_.motion = number != 0;
  else if (what == "heap") faults_.heap = faults_.block = size;
  else if (what == "block") faults_.block = size;
  else if (what == "wifi") faults_.wifi = number != 0;
  else if (what == "drop") faults_.drop = true;
  else if (what == "silent") faults_.silent_ms = size * 1000;
  else if (what == "slow") faults_.slow = size;
  else if (what == "later") clock_ += size;
  else if (what == "measure") measure();
  else if (what == "garbage") faults_.garbage = number;
  else if (what == "truncate") faults_.truncated = number;
  else if (what == "blind") faults_.blind = number;
  else if (what == "brownout") reset("brownout");
  else if (what == "cut") faults_.cut = number;
  else if (what == "hang") faults_.hang = true;
  else if (what == "wake") faults_.wake = true;
  else if (what != "state") say("sim knows no fault " + what);
  say("sim " + line);
}

// What it holds now: all of mbedTLS, sockets and this program; the core itself allocates nothing.
void SimBoard::measure() const {
  const auto open = std::distance(fs::directory_iterator("/proc/self/fd"), {}) - 1;  // one is the iterator's
  say("sim holds " + std::to_string(__sanitizer_get_current_allocated_bytes()) + " bytes, " + std::to_string(open) +
      " files");
}

// The network

static uint32_t network_order(const std::string& address) {
  in_addr found{};
  return inet_pton(AF_INET, address.c_str(), &found) == 1 ? found.s_addr : 0;
}

SimNetwork::SimNetwork(const Options& options, Faults& faults, const SimUpdater& updater)
    : faults_(faults), updater_(updater), address_(ntohl(network_order(options.interface))) {
  if (!read_hex(Slice(options.mac.c_str()), mac_, sizeof mac_)) {
    fputs("--mac is none\n", stderr);
    exit(2);
  }
}

void SimNetwork::join(const Slice& ssid, const Slice&) {
  say("sim joins " + std::string(ssid.data, ssid.size));
  joined_ = true;
}

bool SimConnection::dropped() {
  const bool was = faults_.drop || !faults_.wifi;
  faults_.drop = false;
  return was;
}

bool SimConnection::silent() {
  if (faults_.silent_ms == 0) return false;
  if (!counting_) {
    counting_ = true;
    silent_since_ = board_.ticks();
  }
  if (since(silent_since_, board_.ticks()) < faults_.silent_ms) return true;
  counting_ = false;
  faults_.silent_ms = 0;
  return false;
}

int SimConnection::read(uint8_t* to, size_t room) {
  if (dropped()) return -1;
  if (silent()) return 0;
  const int got = real_.read(to, room);
  if (faults_.cut > 0 && got > 0 && (faults_.cut -= got) <= 0) faults_.drop = true;
  return got;
}

int SimConnection::write(const uint8_t* from, size_t size) {
  if (dropped()) return -1;
  if (silent()) return 0;
  const size_t may = budget(size);
  const int written = may > 0 ? real_.write(from, may) : 0;
  if (written > 0 && faults_.slow > 0) allowed_ -= static_cast<uint32_t>(written);
  return written;
}

// How many of these bytes a slow line takes now; it saves up for a tenth of a second at most.
size_t SimConnection::budget(size_t wanted) {
  if (faults_.slow == 0) return wanted;
  const uint32_t passed = std::min<uint32_t>(since(sent_at_, board_.ticks()), 100);
  const uint32_t more = faults_.slow * passed / 1000;
  if (more > 0) {
    sent_at_ = board_.ticks();
    allowed_ = std::min(allowed_ + more, faults_.slow / 10 + 1);
  }
  return std::min<size_t>(wanted, allowed_);
}

}  // namespace camproxy::sim
