#include "app.h"

#include "calendar.h"
#include "messages.h"

namespace camproxy {

App::App(const Hal& hal)
    : hal_(hal),
      camera_(hal.sensor, hal.board),
      link_(hal.connection, hal.board, *this),
      mdns_(hal.multicast, hal.network),
      update_(hal.updater),
      visitors_(hal.listener, hal.board, camera_, *this) {}

void App::start(Ticks now) {
  now_ = booted_ = now;
  hal_.board.hold_flash(false);  // it was held dark through deep sleep
  hal_.board.set(Pin::flash, false);
  CameraConfig kept;
  if (hal_.store.load("config", &kept, sizeof kept) && valid(kept)) config_ = kept;
  if (!load(hal_.store, hal_.board, setup_)) hal_.store.save("setup", &setup_, sizeof setup_);
  power_.start(hal_.board.woken_by(), now);
  motion_ = hal_.board.woken_by() == Wake::motion;
  log("info", hal_.board.reset_reason());
  if (!setup_.paired()) show_setup();
}

void App::poll(Ticks now) {
  now_ = now;
  hal_.board.feed_watchdog();
  read_serial();
  lamp_and_led();
  if (setup_.ssid.empty()) return;
  if (!joined_) {
    hal_.network.join(setup_.ssid.slice(), setup_.password.slice());
    joined_ = true;
  }
  watch_motion();
  if (hal_.network.up()) {
    // Only now: the radio and the sensor starting together are more than many power supplies bear.
    camera_.poll(config_, now);
    if (!visitors_welcome_) visitors_.start(80);
    visitors_welcome_ = true;
    const Announcement self{setup_.name.empty() ? Slice("ESP32-CAM") : setup_.name.slice(), hal_.updater.version(), setup_.paired()};
    mdns_.poll(self, setup_.host.empty(), now);
    if (after_ == After::nothing) go_out();
  }
  link_.poll(now);
  release_frame();
  if (link_.open()) {
    beat();
    frames();
  }
  visitors_.poll(config_.fps, now);
  if (update_.trial_failed(link_.open_for(now), since(booted_, now))) {
    log("error", "this firmware has not proved itself");
    hal_.updater.roll_back();
  }
  if (after_ == After::nothing && !update_.busy() &&
      power_.over(config_, link_.open() ? link_.open_for(now) : 0, now)) {
    sleep_seconds_ = Power::seconds(config_);
    leave(After::sleep, "sleep");
  }
  if (after_ != After::nothing) {
    if (link_.open()) link_.close(ws::kNormal, reason_, now);  // behind the answer to whoever asked for it
    if (link_.state() == Link::State::idle) do_after();
  }
}

// The connection

bool App::find(Target& target) const {
  target.trust = setup_.trust;
  if (!setup_.host.empty()) {
    target.host = setup_.host.data;
    target.port = setup_.port;
    target.tls = setup_.tls;
  } else {
    const FoundServer* found = mdns_.found();
    // Whoever was paired over TLS does not show its key to somebody without.
    if (!found || (setup_.tls && setup_.paired() && !found->tls)) return false;
    target.host = found->host.data;
    target.port = found->port;
    target.tls = found->tls;
    if (found->has_fingerprint && target.trust.pin_count == 0 && !target.trust.has_fingerprint) {
      memcpy(target.trust.fingerprint, found->fingerprint, kHashSize);
      target.trust.has_fingerprint = true;
    }
  }
  // Its own code opens nothing elsewhere, so it may be shown to whoever answers; the key that this brings is pinned.
  target.trust.anybody = !setup_.paired() && setup_.token.empty();
  return true;
}

void App::go_out() {
  if (link_.state() != Link::State::idle || (waits_ && !reached(retry_at_, now_))) return;
  Target target;
  if (!find(target)) return;
  waits_ = true;
  retry_at_ = now_ + Backoff::kStep;
  if (update_.ordered()) {
    errand_ = Errand::download;
    link_.request(target, update_.path(), setup_.key.slice(), Slice(), update_.ask(), now_);
  } else if (setup_.paired()) {
    errand_ = Errand::session;
    link_.dial(target, "/ws/esp32cam", setup_.key.slice(), now_);
  } else {
    errand_ = Errand::enrolment;
    enrol(target);
  }
}

void App::enrol(const Target& target) {
  char body[512];
  const Slice token = setup_.token.empty() ? setup_.code.slice() : setup_.token.slice();
  const Slice said =
      say_register(token, setup_.name.slice(), setup_.nonce.slice(), hal_.network.mac(), hal_.updater.version(), body,
                                  sizeof body);
  if (said.empty() || !link_.request(target, "/register", Slice(), said, 0, now_)) log("error", "the name is too long");
}

void App::enrolled(const Slice& body) {
  const Json answer = Json::parse(body);
  if (!answer["api_key"].read(setup_.key)) return log("error", "the server's answer has no key");
  setup_.token.clear();
  const uint8_t* pin = hal_.connection.peer_pin();
  if (pin && setup_.trust.pin_count == 0) {
    memcpy(setup_.trust.pins[0], pin, kHashSize);
    setup_.trust.pin_count = 1;
  }
  if (setup_.host.empty()) setup_.tls = pin != nullptr;
  set_up_changed("paired");
  backoff_.forget();
  waits_ = false;
}

void App::on_body(uint16_t status, const Slice& part) {
  if (errand_ == Errand::enrolment && status == 201) enrolled(part);
  if (errand_ != Errand::download || status != update_.expected() || update_.receive(part)) return;
  link_.drop(update_.problem());
}

void App::on_response(uint16_t status) {
  if (errand_ != Errand::download || !update_.ordered()) return;
  if (status == 429 || status >= 500) return;  // later, perhaps
  if (status != update_.expected()) {
    update_.give_up("the server does not give it");
  } else if (update_.finish()) {
    log("info", "the new firmware is started on trial");
    after_ = After::restart;
  }
}

void App::on_open() {
  char text[512];
  refused_ = welcomed_ = false;
  link_.send(say_connect(hal_.board, hal_.updater, config_.framesize, update_.problem(), text, sizeof text));
}

void App::on_end(uint16_t code, const char* why) {
  const Errand errand = errand_;
  errand_ = Errand::none;
  if (errand == Errand::download && update_.ordered() && !update_.again()) update_.give_up("the download breaks off");
  refused_ = code == 4001 || code == 4003;
  if (after_ != After::nothing || (errand == Errand::enrolment && setup_.paired())) return;
  const uint32_t wait = errand == Errand::enrolment && setup_.token.empty()
                            ? kAskAgain
                            : backoff_.next(welcomed_ ? link_.open_for(now_) : 0, hal_.board.random());
  welcomed_ = false;
  retry_at_ = now_ + wait;
  mdns_.forget();
  char text[160];
  Writer line(text, sizeof text);
  line.add(errand == Errand::enrolment ? "not let in: " : errand == Errand::download ? "no firmware: " : "no connection: ");
  if (errand == Errand::download && update_.problem()) why = update_.problem();
  line.add(Slice(why).upto(80));
  if (code) line.add(" (").add_unsigned(code).add(')');
  log("warning", line.add(", again in ").add_unsigned(wait / kSecond).add(" s").text());
}

void App::leave(After then, const char* reason) {
  after_ = then;
  reason_ = reason;
}

void App::do_after() {
  const After then = after_;
  after_ = After::nothing;
  waits_ = false;
  if (then != After::restart && then != After::sleep) return;
  visitors_.close_all();
  release_frame();
  camera_.stop();
  hal_.board.set(Pin::flash, false);
  if (then == After::restart) return hal_.board.restart();
  hal_.board.hold_flash(true);
  hal_.board.sleep(sleep_seconds_, config_.pir);
}

// What comes

void App::on_text(const Slice& text) {
  char answer[256];
  const Slice said = carry_out(Json::parse(text), true, answer, sizeof answer);
  if (!said.empty() && !link_.send(said)) log("warning", "an answer found no room");
}

Slice App::obey(const Slice& text, char* to, size_t room) { return carry_out(Json::parse(text), false, to, room); }

Slice App::carry_out(const Json& command, bool from_server, char* to, size_t room) {
  Text<24> type;
  if (!command.there()) return say_ack(command, "that is not JSON", to, room);
  command["type"].read(type);
  const Slice name = type.slice();
  if (name == "ping") return say_pong(command, to, room);
  if (name == "light") {
    const char* wrong = command["state"].read(lamp_asked_) ? nullptr : "state must be true or false";
    return say_ack(command, wrong, to, room);
  }
  if (name == "servo" || name == "get_position") return say_ack(command, "no head hangs on this board", to, room);
  if (name == "servo_command_log") {
    int32_t servo1 = 0;
    int32_t servo2 = 0;
    if (!command["servo1"].read(servo1) || !command["servo2"].read(servo2)) return Slice();
    char line[64];
    Writer said(line, sizeof line);
    said.add("servos to ").add_number(servo1).add(", ").add_number(servo2);
    hal_.board.print("info", said.text().data);
    return say_servo_command(servo1, servo2, to, room);
  }
  if (from_server && name == "welcome") {
    welcomed(command);
    return Slice();
  }
  const bool known = name == "config" || name == "capture" || name == "restart" || name == "sleep" || name == "key" ||
                     name == "update";
  if (!from_server || !known) {
    ignored_++;
    return Slice();
  }
  return say_ack(command, do_for_server(name, command), to, room);
}

const char* App::do_for_server(const Slice& type, const Json& command) {
  if (type == "config") return configure(command["config"]);
  if (type == "capture") {
    if (!camera_.running()) return "the camera does not run";
    capture_ = true;
    return nullptr;
  }
  if (type == "restart") {
    leave(After::restart, "restart");
    return nullptr;
  }
  if (type == "sleep") {
    int32_t seconds = 0;
    if (!command["seconds"].read(seconds) || seconds < 1 || seconds > 86400) return "seconds must be 1 to 86400";
    sleep_seconds_ = static_cast<uint32_t>(seconds);
    leave(After::sleep, "sleep");
    return nullptr;
  }
  if (type == "key") {
    Text<64> key;
    if (!command["api_key"].read(key) || key.slice().size < 16) return "api_key is none";
    setup_.key = key;
    if (!hal_.store.save("setup", &setup_, sizeof setup_)) return "it could not be kept";
    leave(After::reconnect, "new key");  // so that the old one ends
    return nullptr;
  }
  if (const char* wrong = update_.order(command)) return wrong;
  leave(After::download, "update");
  return nullptr;
}

const char* App::configure(const Json& sent) {
  CameraConfig next = config_;
  if (const char* wrong = apply(sent, next)) return wrong;
  if (next == config_) return nullptr;  // flash wears out
  if (!hal_.store.save("config", &next, sizeof next)) return "it could not be kept";
  config_ = next;
  return nullptr;
}

void App::welcomed(const Json& message) {
  welcomed_ = true;
  update_.told();
  beaten_ = now_ - kBeatEvery;  // the first at once
  Text<40> moment;
  uint32_t time = 0;
  if (message["server_time"].read(moment) && read_moment(moment.slice(), time)) hal_.board.set_unix_time(time);
  if (const char* wrong = configure(message["config"])) log("warning", wrong);
}

// What it does by itself

void App::frames() {
  if (link_has_frame_ || after_ != After::nothing || !welcomed_) return;
  const bool due = pace_.due(config_.fps, now_);
  if (!due && !capture_) return;
  const Frame* frame = camera_.take(now_);
  if (!frame) {
    frames_skipped_++;
    return;
  }
  link_has_frame_ = link_.send(*frame);
  if (!link_has_frame_) return camera_.leave();
  capture_ = false;
}

void App::release_frame() {
  if (!link_has_frame_ || link_.has_frame()) return;
  link_has_frame_ = false;
  camera_.leave();
  if (link_.open()) frames_sent_++;
}

void App::beat() {
  if (!welcomed_ || since(beaten_, now_) < kBeatEvery) return;
  beaten_ = now_;
  char text[384];
  const Vitals vitals{since(booted_, now_), frames_sent_, frames_skipped_};
  link_.send(say_heartbeat(hal_.board, hal_.network, hal_.updater, vitals, text, sizeof text));
}

void App::watch_motion() {
  if (!config_.pir) return;
  const bool moves = hal_.board.get(Pin::pir);
  if (moves) power_.moved(now_);
  if (moves == motion_) return;
  motion_ = moves;
  char text[64];
  link_.send(say_motion(moves, text, sizeof text));
}

void App::lamp_and_led() {
  const bool lamp = lamp_asked_ || (config_.light && link_.open() && power_.motion(config_, now_));
  if (lamp != lamp_ && after_ == After::nothing) {
    lamp_ = lamp;
    hal_.board.set(Pin::flash, lamp);
  }
  hal_.board.set(Pin::led, !lit(health(), now_));  // lit when low
}

Health App::health() const {
  if (setup_.ssid.empty()) return Health::no_setup;
  if (!hal_.network.up()) return Health::no_wifi;
  if (refused_) return Health::refused;
  if (!setup_.paired()) return Health::not_paired;
  if (!link_.open()) return Health::no_server;
  return camera_.running() ? Health::online : Health::no_camera;
}

void App::log(const char* level, const Slice& text) {
  char line[161];
  Writer said(line, sizeof line);
  said.add(text.upto(sizeof line - 1));
  hal_.board.print(level, line);
  char message[256];
  const Slice out = say_log(level, said.text(), message, sizeof message);
  if (welcomed_ && !out.empty()) link_.send(out);
}

Slice App::status(char* to, size_t room) {
  JsonObject message(to, room);
  message.text("device", "esp32cam").text("version", hal_.updater.version()).number_unsigned("uptime_ms", since(booted_, now_));
  message.number_unsigned("free_heap", hal_.board.free_heap()).number("rssi", hal_.network.rssi());
  message.boolean("online", link_.open()).text("framesize", facts(config_.framesize).name);
  message.number("quality", config_.quality).number("fps", config_.fps);
  return message.number_unsigned("frames_sent", frames_sent_).number_unsigned("frames_skipped", frames_skipped_).done();
}

// Set-up by the serial port

void App::read_serial() {
  int byte = 0;
  while ((byte = hal_.board.serial_read()) >= 0) {
    const char c = static_cast<char>(byte);
    if (c != '\n' && c != '\r') {
      if (line_size_ < sizeof line_) line_[line_size_++] = c;
      continue;
    }
    const Slice line = Slice(line_, line_size_);
    line_size_ = 0;
    if (!line.trimmed().empty()) obey_serial(line.trimmed());
    memset(line_, 0, sizeof line_);  // there may have been a password in it
  }
}

void App::obey_serial(const Slice& line) {
  const Slice word = line.upto(line.find(' '));
  const Slice value = line.from(word.size + 1).trimmed();
  const char* wrong = nullptr;
  if (word == "wifi") {
    if (!setup_.ssid.set(value)) wrong = "the network's name is too long";
  } else if (word == "password") {
    if (!setup_.password.set(value)) wrong = "the password is too long";
  } else if (word == "name") {
    setup_.name.set_cut(value);
  } else if (word == "viewtoken") {
    if (!setup_.view_token.set(value)) wrong = "the token is too long";
  } else if (word == "pair") {
    wrong = pair(value, setup_);
  } else if (word == "pin") {
    if (!add_pin(value, setup_.trust)) wrong = "the pin is none, or one too many";
  } else if (word == "forget") {
    hal_.store.forget();
    return hal_.board.restart();
  } else if (word == "restart") {
    return leave(After::restart, "restart");
  } else {
    return show_setup();
  }
  if (wrong) return hal_.board.print("error", wrong);
  set_up_changed(nullptr);
  if (word == "wifi" || word == "password") joined_ = false;
  if (word == "pair") {
    waits_ = false;
    backoff_.forget();
    link_.drop("a new pairing link");
    waits_ = false;
  }
}

void App::set_up_changed(const char* what) {
  const bool kept = hal_.store.save("setup", &setup_, sizeof setup_);
  hal_.board.print(kept ? "info" : "error", !kept ? "it could not be kept" : what ? what : "kept");
}

void App::show_setup() {
  char text[200];
  Writer line(text, sizeof text);
  line.add("wifi ").add(setup_.ssid.empty() ? Slice("-") : setup_.ssid.slice()).add(", server ");
  line.add(setup_.host.empty() ? Slice("by mDNS") : setup_.host.slice());
  line.add(setup_.paired() ? ", paired" : ", not paired; to approve it type the code ");
  if (!setup_.paired()) line.add(setup_.code.slice());
  hal_.board.print("info", text);
  hal_.board.print("info", "commands: wifi NAME, password TEXT, pair LINK, name TEXT, viewtoken TEXT, pin PIN, forget, restart");
}

}  // namespace camproxy
