// How long to wait before dialling again: min(5 × (attempt + 1), 30) seconds, and up to a fifth more by chance, so that
// boards that lost the same server do not all come back at the same moment.
#pragma once
#include "ticks.h"

namespace camproxy {

class Backoff {
 public:
  // Only a link that has held for this long proves anything: a refused device connects well, too.
  static constexpr uint32_t kHeld = 10 * kSecond;
  static constexpr uint32_t kStep = 5 * kSecond;
  static constexpr uint32_t kMost = 30 * kSecond;

  // Milliseconds to wait after the link, or the attempt at one, has ended; it had been open for `open_for`.
  uint32_t next(uint32_t open_for, uint32_t random) {
    if (open_for >= kHeld) attempt_ = 0;
    uint32_t wait = kStep * (attempt_ + 1);
    if (wait > kMost) wait = kMost;
    if (attempt_ < UINT16_MAX) attempt_++;
    return wait + random % (wait / 5);
  }
  uint16_t attempts() const { return attempt_; }
  void forget() { attempt_ = 0; }

 private:
  uint16_t attempt_ = 0;
};

}  // namespace camproxy
