// The red LED, for a person who looks: as many blinks as the number of what is wrong, then a pause.
#pragma once
#include "ticks.h"

namespace camproxy {

enum class Health : uint8_t {
  online = 1,     // one short blink every three seconds
  no_wifi = 2,
  no_server = 3,
  not_paired = 4,
  refused = 5,
  no_camera = 6,
  no_setup = 7,
};

// Whether the LED is lit at that moment.
inline bool lit(Health health, Ticks now) {
  constexpr uint32_t blink = 200;
  const auto blinks = static_cast<uint32_t>(health);
  const uint32_t at = now % (health == Health::online ? 3000 : blinks * 2 * blink + 1000);
  if (health == Health::online) return at < 60;
  return at < blinks * 2 * blink && at % (2 * blink) < blink;
}

}  // namespace camproxy
