// Time as the board has it: milliseconds since it started, which begin anew after 2^32 (49.7 days).
#pragma once
#include <stdint.h>

namespace camproxy {

using Ticks = uint32_t;

// Milliseconds from `then` to `now`. Right across the wrap, because unsigned numbers wrap too.
inline uint32_t since(Ticks then, Ticks now) { return now - then; }

// Whether the moment `due` has come. Moments may be 2^31 ms apart (24.8 days), no more.
inline bool reached(Ticks due, Ticks now) { return static_cast<int32_t>(now - due) >= 0; }

constexpr uint32_t kSecond = 1000;

}  // namespace camproxy
