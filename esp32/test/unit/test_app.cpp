#include <algorithm>

#include "fakes.h"

using namespace camproxy;
using test::House;
using Kind = ws::Event::Kind;

TEST_CASE("app: it dials with its key, says who it is, and sends nothing more before it is welcome") {
  House house;
  house.start();
  house.run(2);
  CHECK(house.connection.sent.find("GET /ws/esp32cam HTTP/1.1\r\nHost: 10.1.0.1:5000\r\n") == 0);
  CHECK(house.connection.sent.find("Authorization: Bearer the-key-of-this-device\r\n") != std::string::npos);
  house.accept();
  house.run(500);
  REQUIRE(house.heard().size() == 1);
  CHECK(house.said(R"("type":"connect","device":"esp32cam")"));
  house.connection.sent.clear();
  house.tell(R"({"type": "welcome", "server_time": "2026-11-21T10:00:00Z", "config": {"fps": 20, "framesize": "VGA"}})");
  CHECK(house.board.time == 1795255200);
  house.run(1000);
  int pictures = 0;
  for (const auto& message : house.heard()) {
    if (message.kind != Kind::binary) continue;
    pictures++;
    CHECK(message.data == house.sensor.picture);
  }
  CHECK(pictures >= 19);
  CHECK(pictures <= 21);
  CHECK(house.sensor.size == FrameSize::vga);
  CHECK(house.board.printed.find("the-key") == std::string::npos);
}

TEST_CASE("app: Wi-Fi before the camera") {
  House house;
  house.network.is_up = false;
  house.start();
  house.run(5000);
  CHECK(house.network.joined == 1);
  CHECK(house.sensor.started == 0);
  CHECK(house.connection.opened == 0);
  CHECK(house.app.health() == Health::no_wifi);
  house.network.is_up = true;
  house.run(2);
  CHECK(house.sensor.started == 1);
}

TEST_CASE("app: commands are obeyed and answered under their ids") {
  House house;
  house.start();
  house.welcome();
  house.tell(R"({"type": "ping", "id": "p1"})");
  house.tell(R"({"type": "light", "id": 7, "state": true})");
  house.tell(R"({"type": "light", "id": 8, "state": 1})");
  house.tell(R"({"type": "servo", "id": 9, "command": {"servo1": 1, "servo2": 2}})");
  house.tell(R"({"type": "servo_command_log", "servo1": 10, "servo2": 20})");
  house.tell(R"({"type": "sleep", "id": 10, "seconds": 0})");
  house.tell(R"({"type": "config", "id": 11, "config": {"quality": 64}})");
  house.tell("not JSON");
  house.tell(R"({"type": "dance", "id": 12})");
  house.run(100);
  CHECK(house.said(R"({"type":"pong","id":"p1"})"));
  CHECK(house.said(R"("id":7,"command":"light","status":"success")"));
  CHECK(house.board.flash);
  CHECK(house.said(R"("id":8,"command":"light","status":"error")"));
  CHECK(house.said(R"("id":9,"command":"servo","status":"error")"));
  CHECK(house.said(R"({"type":"servo_command","servo1":10,"servo2":20})"));
  CHECK(house.said(R"("id":10,"command":"sleep","status":"error")"));
  CHECK(house.said("quality must be a whole number, 4 to 63"));
  CHECK(house.said("that is not JSON"));
  CHECK(house.app.ignored() == 1);
  CHECK(house.app.online());
}

TEST_CASE("app: flash is written when something has changed, and only then") {
  House house;
  house.start();
  house.welcome(R"({"fps": 10, "quality": 12})");  // what it has already
  CHECK(house.store.saved == 0);
  house.tell(R"({"type": "config", "id": 1, "config": {"fps": 5}})");
  CHECK(house.store.saved == 1);
  house.tell(R"({"type": "config", "id": 2, "config": {"fps": 5}})");
  CHECK(house.store.saved == 1);
  house.store.works = false;
  house.tell(R"({"type": "config", "id": 3, "config": {"fps": 6}})");
  CHECK(house.said("it could not be kept"));
  CHECK(house.app.config().fps == 5);
}

TEST_CASE("app: a new key is kept, acknowledged, and used at once") {
  House house;
  house.start();
  house.welcome();
  house.tell(R"({"type": "key", "id": 1, "api_key": "short"})");
  CHECK(house.said(R"("id":1,"command":"key","status":"error")"));
  house.tell(R"({"type": "key", "id": 2, "api_key": "another-key-that-is-long-enough"})");
  house.run(5);
  CHECK(house.said(R"("id":2,"command":"key","status":"success")"));
  const auto last = house.heard().back();
  CHECK(last.kind == Kind::close);
  CHECK(last.code == 1000);
  house.connection.bring(test::frame(ws::kClose, std::string("\x03\xE8", 2)));
  house.run(5);
  CHECK(house.connection.opened == 2);
  CHECK(house.connection.sent.find("Bearer another-key-that-is-long-enough") != std::string::npos);
}

TEST_CASE("app: it sleeps dark, with its picture given back, after it has said so") {
  House house;
  house.start();
  house.welcome();
  house.tell(R"({"type": "light", "id": 1, "state": true})");
  house.run(300);
  house.tell(R"({"type": "sleep", "id": 2, "seconds": 60})");
  house.run(300);
  CHECK(house.said(R"("id":2,"command":"sleep","status":"success")"));
  const auto last = house.heard().back();
  CHECK(last.kind == Kind::close);
  CHECK(last.data == "sleep");
  house.run(2500);  // the server does not answer
  CHECK(house.board.slept == 60);
  CHECK_FALSE(house.board.flash);
  CHECK(house.sensor.out == 0);
  CHECK_FALSE(house.sensor.running);
}

TEST_CASE("app: a frame comes back on every path, over 200 connections") {
  House house(0xFFFF0000U);  // the clock wraps within the second minute
  house.start();
  house.sensor.picture = std::string(40000, 'J');
  int reconnections = 0;
  for (uint32_t guard = 0; reconnections < 200 && guard < 20000; guard++) {
    house.run(100, 20);
    if (!house.connection.is_open) continue;
    if (!house.app.online()) {
      house.connection.bring("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " + std::string(test::kAccept) +
                             "\r\n\r\n" + test::frame(ws::kText, R"({"type": "welcome", "config": {}})"));
      house.run(20);
      house.connection.room = 100;  // slow, so that a picture is under way
      house.run(150);
    }
    CHECK(house.sensor.out == 1);
    switch (reconnections % 4) {
      case 0: house.connection.lost = true; break;
      case 1: house.connection.bring(std::string(4, '\xFF')); break;
      case 2: house.connection.bring(test::frame(ws::kClose, std::string("\x0F\xA3", 2))); break;
      default: house.connection.room = 0; break;  // stalled: it finds out by itself
    }
    house.run(16000, 20);
    house.connection.room = SIZE_MAX;
    CHECK(house.sensor.out == 0);
    reconnections++;
  }
  CHECK(reconnections == 200);
}

TEST_CASE("app: a silent server is given up, one that answers pings is not") {
  House house;
  house.start();
  house.welcome();
  house.run(6000);
  const auto said = house.heard();
  CHECK(std::count_if(said.begin(), said.end(), [](const test::Said& one) { return one.kind == Kind::ping; }) == 1);
  house.connection.bring(test::frame(ws::kPong, ""));
  house.run(11000);
  CHECK(house.app.online());
  house.run(6000);
  CHECK_FALSE(house.app.online());
  CHECK(house.board.printed.find("the server is silent") != std::string::npos);
}

TEST_CASE("app: short memory skips pictures, restarts the camera, and leaves the rest alone") {
  House house;
  house.start();
  house.welcome();
  house.run(1000);
  const int taken = house.sensor.taken;
  house.board.block = 24999;  // there is enough, in pieces
  house.run(1500);
  CHECK(house.sensor.taken == taken);
  house.tell(R"({"type": "ping", "id": "p1"})");
  CHECK(house.said(R"({"type":"pong","id":"p1"})"));
  house.run(1000);
  CHECK(house.sensor.started == 2);
  house.board.block = 25000;
  house.run(1000);
  CHECK(house.sensor.taken > taken);
}

TEST_CASE("app: a camera without pictures is restarted, one that nobody asks is left alone") {
  House house;
  house.start();
  house.welcome();
  house.run(500);
  house.connection.lost = true;
  house.connection.answers = Connection::Progress::working;
  house.run(60000, 20);
  CHECK(house.sensor.started == 1);
  while (house.connection.is_open) house.run(100, 20);
  house.connection.answers = Connection::Progress::ready;
  while (!house.connection.is_open) house.run(100, 20);
  house.welcome();
  house.sensor.blind = true;
  house.run(4900);
  CHECK(house.sensor.started == 1);
  house.run(400);
  CHECK(house.sensor.started == 2);
}

TEST_CASE("app: a camera that does not start is tried again every ten seconds") {
  House house;
  house.sensor.works = false;
  house.start();
  house.welcome();
  house.run(9000);
  CHECK(house.sensor.started == 1);
  house.run(2000);
  CHECK(house.sensor.started == 2);
  CHECK(house.app.health() == Health::no_camera);
}

TEST_CASE("app: it enrols once, learns the server's key, and shows its own code to nobody twice in a second") {
  House house(1000, false);
  const uint8_t pin[kHashSize] = {1, 2, 3};
  house.connection.pin = pin;
  house.start();
  house.run(3);
  CHECK(house.connection.sent.find("POST /register HTTP/1.1\r\n") == 0);
  CHECK(house.connection.sent.find(R"({"token":"12345678","kind":"esp32cam","mac":"24:6f:28:aa:bb:cc")") != std::string::npos);
  CHECK(house.connection.sent.find("Authorization") == std::string::npos);
  CHECK(house.connection.trust.anybody);
  house.connection.piece = 7;
  house.connection.bring("HTTP/1.1 403 FORBIDDEN\r\nContent-Length: 2\r\n\r\n{}");
  house.run(50);
  CHECK(house.connection.opened == 1);
  house.run(5000);
  CHECK(house.connection.opened == 2);
  const std::string body = R"({"device_id": 3, "api_key": "a-key-of-its-own", "ws_path": "/ws/esp32cam"})";
  house.connection.bring("HTTP/1.1 201 CREATED\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  house.run(60);
  CHECK(house.app.setup().paired());
  CHECK(house.app.setup().trust.pin_count == 1);
  CHECK(house.connection.opened == 3);
  CHECK(house.connection.sent.find("Bearer a-key-of-its-own") != std::string::npos);
  CHECK_FALSE(house.connection.trust.anybody);
}

namespace {

std::string order(const std::string& more = "") {
  return R"({"type": "update", "id": 1, "path": "/firmware/2", "size": 2000, "sha256": ")" + std::string(64, 'a') +
         R"(", "signature": "MEUCIQ==")" + more + "}";
}

void until_it_asks(House& house) {
  for (int i = 0; i < 400 && house.connection.sent.find("\r\n\r\n") == std::string::npos; i++) house.run(100);
}

// Up to where the server is to bring the firmware.
void ask_for_firmware(House& house) {
  house.start();
  house.welcome();
  house.tell(order());
  house.run(5);
  house.connection.bring(test::frame(ws::kClose, std::string("\x03\xE8", 2)));
  house.run(5);
  CHECK(house.connection.sent.find("GET /firmware/2 HTTP/1.1\r\n") == 0);
  CHECK(house.connection.sent.find("Bearer the-key-of-this-device") != std::string::npos);
}

}  // namespace

TEST_CASE("update: fetched whole, checked, started on trial") {
  House house;
  ask_for_firmware(house);
  house.connection.bring("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + std::string(2000, 'F'));
  house.run(20);
  CHECK(house.updater.image == std::string(2000, 'F'));
  CHECK(house.board.restarted == 1);
  CHECK(house.updater.abandoned == 0);
}

TEST_CASE("update: what is not as promised changes nothing") {
  for (const char* how : {"bad signature", "short", "long", "missing"}) {
    CAPTURE(how);
    House house;
    ask_for_firmware(house);
    const std::string what = how;
    house.updater.good = what != "bad signature";
    const size_t size = what == "short" ? 1999 : what == "long" ? 2001 : 2000;
    house.connection.bring(std::string(what == "missing" ? "HTTP/1.1 404 Not Found" : "HTTP/1.1 200 OK") +
                           "\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
                           std::string(size, 'F'));
    house.run(20);
    CHECK(house.board.restarted == 0);
    CHECK(house.updater.abandoned + (what == "missing" ? 1 : 0) >= 1);
    house.run(7000);
    CHECK(house.connection.sent.find("GET /ws/esp32cam") == 0);
    // It says why, until it knows that the server has heard it.
    house.accept();
    house.run(2);
    CHECK(house.said(R"("update_error":")"));
    house.tell(R"({"type": "welcome", "config": {}})");
    house.connection.sent.clear();
    house.connection.lost = true;
    until_it_asks(house);
    house.accept();
    CHECK_FALSE(house.said(R"("update_error":")"));
  }
}

TEST_CASE("update: a download that breaks off goes on where it was") {
  House house;
  ask_for_firmware(house);
  house.connection.bring("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + std::string(900, 'F'));
  house.run(20);
  house.connection.sent.clear();
  house.connection.lost = true;
  until_it_asks(house);
  CHECK(house.connection.sent.find("GET /firmware/2 HTTP/1.1\r\n") == 0);
  CHECK(house.connection.sent.find("\r\nRange: bytes=900-\r\n") != std::string::npos);
  SUBCASE("the server has it") {
    house.connection.bring("HTTP/1.1 206 PARTIAL CONTENT\r\nContent-Length: 1100\r\n\r\n" + std::string(1100, 'G'));
    house.run(20);
    CHECK(house.updater.image == std::string(900, 'F') + std::string(1100, 'G'));
    CHECK(house.updater.begun == 1);
    CHECK(house.board.restarted == 1);
  }
  SUBCASE("the server begins anew") {
    house.connection.bring("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + std::string(2000, 'F'));
    house.run(20);
    CHECK(house.board.restarted == 0);
    CHECK(house.updater.abandoned == 1);
  }
  SUBCASE("the server is busy, again and again") {
    for (int tried = 2; tried <= Update::kMostTries; tried++) {
      CHECK(house.updater.abandoned == 0);
      house.connection.sent.clear();
      house.connection.bring("HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n");
      until_it_asks(house);
    }
    CHECK(house.updater.abandoned == 1);
    CHECK(house.connection.sent.find("GET /ws/esp32cam") == 0);
  }
}

TEST_CASE("update: a board on a battery stays awake for it") {
  House house;
  house.updater.trial = true;
  house.start();
  house.welcome(R"({"sleep": true, "pir": true, "stream_seconds": 5})");
  for (int i = 0; i < 29; i++) {
    house.run(1000, 10);
    house.connection.bring(test::frame(ws::kPing, ""));
  }
  CHECK(house.board.slept == 0);
  for (int i = 0; i < 4; i++) {
    house.run(1000, 10);
    house.connection.bring(test::frame(ws::kPing, ""));
  }
  CHECK(house.updater.kept == 1);
  CHECK(house.board.slept > 0);
}

TEST_CASE("update: orders that cannot be are refused") {
  House house;
  house.start();
  house.welcome();
  house.tell(R"({"type": "update", "id": 1, "path": "https://elsewhere/", "size": 5, "sha256": "", "signature": ""})");
  house.tell(R"({"type": "update", "id": 2, "path": "/f", "size": -5, "sha256": "aa", "signature": "MEUCIQ=="})");
  CHECK(house.said(R"("id":1,"command":"update","status":"error")"));
  CHECK(house.said(R"("id":2,"command":"update","status":"error")"));
  CHECK(house.app.online());
}

TEST_CASE("update: a trial ends well with a session that holds, badly without one") {
  House good;
  good.updater.trial = true;
  good.start();
  good.welcome();
  for (int i = 0; i < 32; i++) {
    good.run(1000, 10);
    good.connection.bring(test::frame(ws::kPing, ""));
  }
  CHECK(good.updater.kept == 1);
  House bad;
  bad.updater.trial = true;
  bad.connection.answers = Connection::Progress::failed;
  bad.start();
  bad.run(Update::kTrial, 100);
  CHECK(bad.updater.rolled_back == 0);
  bad.run(200, 100);
  CHECK(bad.updater.rolled_back >= 1);
}
