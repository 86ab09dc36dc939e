#include "camera.h"

namespace camproxy {

void Camera::poll(const CameraConfig& config, Ticks now) {
  if (readers_ > 0) return;  // it may only be touched while all frames are back
  if (running_ && (restart_ || (blind_ && since(blind_since_, now) > kNoFrameFor))) {
    board_.print("warning", restart_ ? "memory stays short: the camera is restarted" : "no picture: the camera is restarted");
    stop();
    restarts_++;
    failed_ = false;
  }
  if (running_ && (config.framesize != size_ || config.quality != quality_)) {
    size_ = config.framesize;
    quality_ = config.quality;
    if (!sensor_.adjust(size_, quality_)) stop();
  }
  if (running_ || (failed_ && since(tried_, now) < kTryAgain)) return;
  size_ = config.framesize;
  quality_ = config.quality;
  tried_ = now;
  restart_ = blind_ = false;
  skips_ = 0;
  running_ = sensor_.start(size_, quality_);
  failed_ = !running_;
  if (failed_) board_.print("error", "the camera does not start");
}

bool Camera::memory_is_short() {
  // The largest piece counts as much as the sum: a fragmented heap says 80,000 and has not 20,000 to give.
  return board_.free_heap() < kLeastHeap || board_.largest_block() < kLeastHeap;
}

const Frame* Camera::take(Ticks now) {
  if (!running_ || readers_ > 0) return nullptr;
  if (memory_is_short()) {
    blind_ = false;  // it is not the camera's fault
    skipped_++;
    if (++skips_ >= kMostSkips) restart_ = true;
    return nullptr;
  }
  skips_ = 0;
  if (!sensor_.take(frame_)) {
    if (!blind_) blind_since_ = now;
    blind_ = true;
    return nullptr;
  }
  blind_ = false;
  readers_ = 1;
  return &frame_;
}

const Frame* Camera::join() {
  if (readers_ == 0) return nullptr;
  readers_++;
  return &frame_;
}

void Camera::leave() {
  if (readers_ == 0 || --readers_ > 0) return;
  sensor_.give_back(frame_);
  frame_ = Frame();
}

void Camera::stop() {
  if (running_) sensor_.stop();
  running_ = false;
}

}  // namespace camproxy
