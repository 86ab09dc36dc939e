// When a camera on a battery sleeps: some time after the last motion, and in any case when nobody can be reached.
#pragma once
#include "../hal/hal.h"

namespace camproxy {

class Power {
 public:
  // Awake for this long without a server, and no longer.
  static constexpr uint32_t kUnreachable = 60 * kSecond;
  // Woken by the clock it only asks for news.
  static constexpr uint32_t kNews = 10 * kSecond;
  // Seconds asleep: a sign of life, whether or not anything moves; sooner when no PIR wakes it.
  static constexpr uint32_t kSleepWithPir = 3600;
  static constexpr uint32_t kSleepWithout = 900;

  void start(Wake woken_by, Ticks now) {
    woken_by_ = woken_by;
    moved_ = woke_ = now;
  }
  void moved(Ticks now) {
    moved_ = now;
    woken_by_ = Wake::motion;
  }
  // Whether it is here because something moves, or because it has just been switched on.
  bool motion(const CameraConfig& config, Ticks now) const {
    return woken_by_ == Wake::motion && since(moved_, now) < config.stream_seconds * kSecond;
  }
  // `open_for`: milliseconds since the server answered, 0 while it does not.
  bool over(const CameraConfig& config, uint32_t open_for, Ticks now) const {
    if (!config.sleep) return false;
    if (open_for == 0) return since(woke_, now) > kUnreachable && since(moved_, now) > kUnreachable;
    const uint32_t stay = woken_by_ == Wake::timer ? kNews : config.stream_seconds * kSecond;
    return open_for > stay && since(moved_, now) > stay;
  }
  static uint32_t seconds(const CameraConfig& config) { return config.pir ? kSleepWithPir : kSleepWithout; }

 private:
  Wake woken_by_ = Wake::none;
  Ticks moved_ = 0;
  Ticks woke_ = 0;
};

}  // namespace camproxy
