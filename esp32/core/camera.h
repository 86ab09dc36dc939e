// The camera as all who want pictures share it: one picture is out at a time, and goes back when its last reader is done.
// When memory is short it takes none, and restarts the driver if that lasts.
#pragma once
#include "../hal/hal.h"

namespace camproxy {

class Camera {
 public:
  // Bytes. TLS and Wi-Fi need their share in one piece, or the connection goes and the picture with it.
  static constexpr uint32_t kLeastHeap = 25000;
  static constexpr uint8_t kMostSkips = 20;
  static constexpr uint32_t kNoFrameFor = 5 * kSecond;
  static constexpr uint32_t kTryAgain = 10 * kSecond;

  Camera(Sensor& sensor, Board& board) : sensor_(sensor), board_(board) {}

  // Start it, start it again, follow a changed configuration; whatever is due and no frame in the way of.
  void poll(const CameraConfig& config, Ticks now);
  // A fresh picture for one reader, who calls `leave` in the end. Null: none now.
  const Frame* take(Ticks now);
  // The picture that is out already, for one more reader; null when there is none.
  const Frame* join();
  void leave();
  // For good, as before sleep. A picture that is out must have been left.
  void stop();

  bool running() const { return running_; }
  uint8_t readers() const { return readers_; }
  uint32_t skipped() const { return skipped_; }
  uint32_t restarts() const { return restarts_; }

 private:
  bool memory_is_short();

  Sensor& sensor_;
  Board& board_;
  Frame frame_;
  uint8_t readers_ = 0;
  uint8_t skips_ = 0;
  bool running_ = false;
  bool failed_ = false;
  bool restart_ = false;
  bool blind_ = false;  // it was asked and had nothing
  FrameSize size_ = FrameSize::svga;
  uint8_t quality_ = 0;
  Ticks tried_ = 0;
  Ticks blind_since_ = 0;
  uint32_t skipped_ = 0;
  uint32_t restarts_ = 0;
};

// When the next picture is due: at most `fps` a second, counted from when the last one was due, not from when it came.
class Pace {
 public:
  bool due(uint8_t fps, Ticks now) {
    const uint32_t interval = kSecond / fps;
    if (begun_ && since(last_, now) < interval) return false;
    // After a pause it does not catch up.
    last_ = begun_ && since(last_, now) < 2 * interval ? last_ + interval : now;
    begun_ = true;
    return true;
  }

 private:
  Ticks last_ = 0;
  bool begun_ = false;
};

}  // namespace camproxy
