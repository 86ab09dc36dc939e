#include "../../core/base64.h"
#include "../../core/calendar.h"
#include "fakes.h"

using namespace camproxy;
using test::text;

TEST_CASE("ticks: right across the wrap") {
  CHECK(since(0xFFFFFFF0U, 0x10U) == 0x20);
  CHECK(reached(0x10U, 0x10U));
  CHECK_FALSE(reached(0x10U, 0xFFFFFFF0U));
  CHECK(reached(0xFFFFFFF0U, 0x10U));
}

TEST_CASE("backoff: 5, 10, … 30 seconds and a fifth; only what has held begins anew") {
  Backoff backoff;
  for (const uint32_t step : {5U, 10U, 15U, 20U, 25U, 30U, 30U}) {
    const uint32_t wait = backoff.next(0, 0xFFFFFFFFU);
    CHECK(wait >= step * kSecond);
    CHECK(wait < step * kSecond * 6 / 5);
  }
  CHECK(backoff.next(Backoff::kHeld - 1, 0) == 30 * kSecond);
  CHECK(backoff.next(Backoff::kHeld, 0) == 5 * kSecond);
  CHECK(backoff.next(0, 0) == 10 * kSecond);
}

TEST_CASE("pace: as often as asked, also across the wrap, and never to catch up") {
  for (const Ticks begin : {Ticks{0}, Ticks{0xFFFFFF00U}}) {
    Pace pace;
    int due = 0;
    for (uint32_t i = 0; i < 10000; i++) due += pace.due(25, begin + i) ? 1 : 0;
    CHECK(due == 250);
    CHECK(pace.due(25, begin + 60000));
    CHECK_FALSE(pace.due(25, begin + 60001));
  }
}

TEST_CASE("power: asleep some time after the last motion, in any case without a server") {
  CameraConfig config;
  config.sleep = config.pir = true;
  config.stream_seconds = 30;
  Power power;
  for (const Ticks begin : {Ticks{5}, Ticks{0xFFFFF000U}}) {
    power.start(Wake::motion, begin);
    CHECK_FALSE(power.over(config, 30000, begin + 30000));
    CHECK(power.over(config, 30001, begin + 30001));
    CHECK_FALSE(power.over(config, 10000, begin + 40000));  // it took ten seconds to connect
    power.moved(begin + 20000);
    CHECK_FALSE(power.over(config, 45000, begin + 45000));
    CHECK(power.over(config, 51000, begin + 51000));
    power.start(Wake::timer, begin);
    CHECK(power.over(config, 10001, begin + 12000));
    CHECK_FALSE(power.over(config, 0, begin + 60000));
    CHECK(power.over(config, 0, begin + 60001));
    config.sleep = false;
    CHECK_FALSE(power.over(config, 0, begin + 600000));
    config.sleep = true;
  }
  CHECK(Power::seconds(config) == 3600);
  config.pir = false;
  CHECK(Power::seconds(config) == 900);  // nothing but the clock wakes it
}

TEST_CASE("config: all of it or nothing") {
  CameraConfig config;
  CHECK(apply(Json::parse(R"({"framesize": "UXGA", "quality": 4, "fps": 25, "stream_seconds": 3600, "light": true, "new": 1})"),
              config) == nullptr);
  CHECK(config.framesize == FrameSize::uxga);
  CHECK(config.quality == 4);
  CHECK(config.light);
  const CameraConfig before = config;
  for (const char* bad : {R"({"fps": 5, "quality": 64})", R"({"fps": 0})", R"({"fps": 26})", R"({"fps": "5"})", R"({"fps": true})",
                          R"({"fps": 5.0})", R"({"framesize": "8K"})", R"({"framesize": 5})", R"({"sleep": 1})",
                          R"({"stream_seconds": 4})", R"({"stream_seconds": 3601})", R"({"pir": null})", "[]", "5"}) {
    CHECK_MESSAGE(apply(Json::parse(bad), config) != nullptr, bad);
    CHECK(config == before);
  }
}

TEST_CASE("calendar: moments as the server writes them") {
  uint32_t time = 0;
  CHECK(read_moment("2026-11-21T10:00:00Z", time));
  CHECK(time == 1795255200);
  CHECK(read_moment("2024-02-29T23:59:59.123456Z", time));
  CHECK(time == 1709251199);
  CHECK(read_moment("2100-03-01T00:00:00+00:00", time));
  CHECK(time == 4107542400U);
  for (const char* bad : {"", "2026-11-21", "2026-11-21T10:00:00", "2026-13-21T10:00:00Z", "2026-11-21 10:00:00Z",
                          "1969-12-31T23:59:59Z", "2026-11-21T10:00:00+01:00"})
    CHECK_FALSE(read_moment(bad, time));
  for (const uint32_t moment : {0U, 951782399U, 951782400U, 1795255200U, 4102444799U, 4107542399U}) {
    char room[24];
    Writer out(room, sizeof room);
    write_moment(moment, out);
    CHECK(read_moment(out.text(), time));
    CHECK(time == moment);
  }
}

TEST_CASE("base64: RFC 4648's examples, both ways, and what is none") {
  const char* examples[][2] = {{"", ""},         {"f", "Zg=="},     {"fo", "Zm8="},       {"foo", "Zm9v"},
                               {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
  for (const auto& example : examples) {
    char out[16];
    uint8_t back[8];
    base64(reinterpret_cast<const uint8_t*>(example[0]), strlen(example[0]), out);
    CHECK(std::string(out) == example[1]);
    REQUIRE(from_base64(out, back, sizeof back) == static_cast<int>(strlen(example[0])));
    CHECK(memcmp(back, example[0], strlen(example[0])) == 0);
  }
  uint8_t back[2];
  for (const char* bad : {"Zg=", "Z===", "Zg==Zg==", "Z!==", "=Zg=", "Zm9v"}) CHECK(from_base64(bad, back, 2) == -1);
}

TEST_CASE("setup: a pairing link, and what is none") {
  Setup setup;
  setup.key.set("old");
  const std::string print(64, 'a');
  CHECK(pair(Slice(("camproxy://cam.local:5443/?kind=esp32cam&token=a%2Db&tls=1&fingerprint=" + print).c_str()), setup) == nullptr);
  CHECK(text(setup.host.slice()) == "cam.local");
  CHECK(setup.port == 5443);
  CHECK(text(setup.token.slice()) == "a-b");
  CHECK(setup.tls);
  CHECK(setup.trust.has_fingerprint);
  CHECK(setup.key.empty());
  const Setup before = setup;
  for (const char* bad : {"", "http://a:1/?token=x", "camproxy://a/?token=x", "camproxy://:5/?token=x", "camproxy://a:0/?token=x",
                          "camproxy://a:70000/?token=x", "camproxy://a:5/?kind=pico&token=x", "camproxy://a:5/?kind=esp32cam",
                          "camproxy://a:5/?token=x&fingerprint=zz", "camproxy://a:5/?token=%zz", "camproxy://a:5/?token=%00"}) {
    CHECK_MESSAGE(pair(bad, setup) != nullptr, bad);
    CHECK(memcmp(&setup, &before, sizeof setup) == 0);
  }
}

TEST_CASE("blink: as many as the number, then a pause") {
  for (const Health health : {Health::no_wifi, Health::no_server, Health::no_setup}) {
    int blinks = 0;
    const uint32_t period = static_cast<uint32_t>(health) * 400 + 1000;
    for (Ticks now = 1; now <= period; now++) blinks += lit(health, now) && !lit(health, now - 1) ? 1 : 0;
    CHECK(blinks == static_cast<int>(health));
  }
}
