// What the board says (docs/protocol.md, "Devices"), each written into the caller's memory; empty when it does not fit.
#pragma once
#include "../hal/hal.h"
#include "json.h"

namespace camproxy {

// What the server finds in an image and shows: the version is read out of this very text.
constexpr char kMark[] = "camproxy-firmware esp32cam 1.0.0";
constexpr const char* kVersion = kMark + sizeof "camproxy-firmware esp32cam";

struct Vitals {
  uint32_t uptime_ms;
  uint32_t frames_sent;
  uint32_t frames_skipped;
};

// `problem`: why the last firmware that was ordered did not come, or null.
Slice say_connect(Board& board, Updater& updater, FrameSize size, const char* problem, char* to, size_t room);
Slice say_heartbeat(Board& board, Network& network, Updater& updater, const Vitals& vitals, char* to, size_t room);
Slice say_ack(const Json& command, const char* error, char* to, size_t room);
Slice say_pong(const Json& ping, char* to, size_t room);
Slice say_log(const Slice& level, const Slice& text, char* to, size_t room);
Slice say_motion(bool state, char* to, size_t room);
Slice say_servo_command(int32_t servo1, int32_t servo2, char* to, size_t room);
// The body of POST /register.
Slice say_register(const Slice& token, const Slice& name, const Slice& nonce, const uint8_t* mac, const char* version,
                   char* to, size_t room);

}  // namespace camproxy
