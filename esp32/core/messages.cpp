#include "messages.h"

#include "calendar.h"

namespace camproxy {
namespace {

// The id that a command had, as it stands there, if it is one that the server may give.
void add_id(const Json& command, JsonObject& message) {
  const Json id = command["id"];
  const bool usable = id.kind() == Json::Kind::string || id.kind() == Json::Kind::number;
  if (usable && id.raw().size <= 66) message.raw("id", id.raw());
}

void add_vitals(Board& board, JsonObject& message) {
  message.number_unsigned("free_heap", board.free_heap()).number_unsigned("largest_block", board.largest_block());
  message.text("reset_reason", board.reset_reason());
}

}  // namespace

Slice say_connect(Board& board, Updater& updater, FrameSize size, const char* problem, char* to, size_t room) {
  JsonObject message(to, room);
  message.text("type", "connect").text("device", "esp32cam").text("version", updater.version());
  message.text("framesize", facts(size).name);
  char moment[24];
  Writer now(moment, sizeof moment);
  if (const uint32_t time = board.unix_time()) {
    write_moment(time, now);
    message.text("timestamp", now.text());
  }
  add_vitals(board, message);
  message.boolean("trial", updater.on_trial());
  if (problem) message.text("update_error", problem);
  return message.done();
}

Slice say_heartbeat(Board& board, Network& network, Updater& updater, const Vitals& vitals, char* to, size_t room) {
  JsonObject message(to, room);
  message.text("type", "heartbeat").number_unsigned("uptime_ms", vitals.uptime_ms);
  add_vitals(board, message);
  message.number("rssi", network.rssi()).boolean("trial", updater.on_trial());
  int32_t tenths = 0;
  if (board.temperature(tenths)) {
    char text[16];
    Writer degrees(text, sizeof text);
    const int32_t size = tenths < 0 ? -tenths : tenths;
    degrees.add(tenths < 0 ? "-" : "").add_number(size / 10).add('.').add_number(size % 10);
    message.raw("temperature", degrees.text());
  }
  message.number_unsigned("frames_sent", vitals.frames_sent).number_unsigned("frames_skipped", vitals.frames_skipped);
  return message.done();
}

Slice say_ack(const Json& command, const char* error, char* to, size_t room) {
  JsonObject message(to, room);
  Text<32> name;
  if (!command["type"].read(name)) name.set("unknown");
  message.text("type", "ack");
  add_id(command, message);
  message.text("command", name.slice()).text("status", error ? "error" : "success").text("detail", error ? error : "");
  return message.done();
}

Slice say_pong(const Json& ping, char* to, size_t room) {
  JsonObject message(to, room);
  message.text("type", "pong");
  add_id(ping, message);
  return message.done();
}

Slice say_log(const Slice& level, const Slice& text, char* to, size_t room) {
  return JsonObject(to, room).text("type", "log").text("level", level).text("message", text).done();
}

Slice say_motion(bool state, char* to, size_t room) {
  return JsonObject(to, room).text("type", "motion").boolean("state", state).done();
}

Slice say_servo_command(int32_t servo1, int32_t servo2, char* to, size_t room) {
  JsonObject message(to, room);
  return message.text("type", "servo_command").number("servo1", servo1).number("servo2", servo2).done();
}

Slice say_register(const Slice& token, const Slice& name, const Slice& nonce, const uint8_t* mac, const char* version,
                   char* to, size_t room) {
  char text[18];
  Writer address(text, sizeof text);
  for (int i = 0; i < 6; i++) address.add(i > 0 ? ":" : "").add_hex(mac + i, 1);
  JsonObject message(to, room);
  message.text("token", token).text("kind", "esp32cam").text("mac", address.text()).text("firmware", version);
  if (!name.empty()) message.text("name", name);
  return message.text("nonce", nonce).done();
}

}  // namespace camproxy
