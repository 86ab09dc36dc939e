#include <random>

#include "fakes.h"

using namespace camproxy;
using test::text;

TEST_CASE("json: what is JSON and what is not") {
  for (const char* good : {"{}", "[]", " {\"a\" : [1, -2.5e+3, true, false, null, \"x\"]} ", "0", "-0", "\"\\u00e9\\n\"",
                           "{\"a\":{\"b\":{\"c\":[]}}}", "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""})
    CHECK_MESSAGE(Json::parse(good).there(), good);
  for (const char* bad : {"", " ", "{", "}", "{\"a\"}", "{\"a\":}", "{a:1}", "[1,]", "{\"a\":1,}", "01", "1.", ".5", "1e",
                          "+1", "NaN", "Infinity", "tru", "\"", "\"\\x\"", "\"\\u12g4\"", "\"\\u1:234\"", "{} {}", "'a'",
                          "\"\x01\"", "\"\xC3\"", "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xFF\"", "[[[[[[[[[]]]]]]]]]"})
    CHECK_MESSAGE(!Json::parse(bad).there(), bad);
}

TEST_CASE("json: values are taken as what they are, and as nothing else") {
  const Json json = Json::parse(
      R"({"n": 90, "minus": -7, "half": 90.5, "e": 9e1, "big": 99999999999, "t": true, "s": "a\"\u20ac\ud83d\ude00", "z": "\u0000"})");
  int32_t number = 5;
  bool truth = false;
  Text<16> word;
  CHECK(json["n"].read(number));
  CHECK(number == 90);
  CHECK(json["minus"].read(number));
  CHECK(number == -7);
  for (const char* name : {"half", "e", "big", "t", "s", "none"}) CHECK_FALSE(json[name].read(number));
  CHECK(number == -7);
  CHECK(json["t"].read(truth));
  CHECK(truth);
  CHECK_FALSE(json["n"].read(truth));
  CHECK(json["s"].read(word));
  CHECK(text(word.slice()) == "a\"\xE2\x82\xAC\xF0\x9F\x98\x80");
  CHECK_FALSE(json["z"].read(word));
  Text<3> small;
  CHECK_FALSE(json["s"].read(small));
  CHECK_FALSE(Json::parse("[1]")["a"].there());
  CHECK(Json::parse(R"({"a\u0062": 1})")["ab"].there());
}

TEST_CASE("json: half a surrogate pair is a replacement character") {
  Text<8> word;
  CHECK(Json::parse(R"(["\ud83d"])").there());
  CHECK(Json::parse(R"({"a": "\ud83dx"})")["a"].read(word));
  CHECK(text(word.slice()) == "\xEF\xBF\xBDx");
}

TEST_CASE("json: what is written can be read, and does not run over") {
  char room[64];
  JsonObject object(room, sizeof room);
  const Slice done = object.text("a", "q\"\\\n").number("n", INT32_MIN).begin("o").boolean("t", true).end().done();
  const Json json = Json::parse(done);
  CHECK(text(done) == R"({"a":"q\"\\\u000a","n":-2147483648,"o":{"t":true}})");
  Text<8> word;
  CHECK(json["a"].read(word));
  CHECK(text(word.slice()) == "q\"\\\n");
  for (size_t size = 1; size < 12; size++) {
    std::string guarded(size + 1, '!');
    CHECK(JsonObject(guarded.data(), size).text("key", "value").done().empty());
    CHECK(guarded.back() == '!');
  }
}

TEST_CASE("json: any change of a byte, and any end, is survived") {
  const std::string good =
      R"({"type": "config", "id": "a\u00e91", "config": {"fps": 25, "sleep": false, "list": [1, {"x": null}]}})";
  std::mt19937 chance(7);
  for (int round = 0; round < 40000; round++) {
    std::string spoilt = good.substr(0, chance() % (good.size() + 1));
    for (auto i = chance() % 4; i > 0 && !spoilt.empty(); i--) spoilt[chance() % spoilt.size()] = static_cast<char>(chance());
    // On the heap and of its very size, so that AddressSanitizer sees a byte too many.
    const std::vector<char> bytes(spoilt.begin(), spoilt.end());
    const Json json = Json::parse(Slice(bytes.data(), bytes.size()));
    Text<8> word;
    int32_t number = 0;
    json["id"].read(word);
    json["config"]["fps"].read(number);
    json["config"]["list"]["x"].read(word);
    CameraConfig config;
    apply(json["config"], config);
    REQUIRE(valid(config));
  }
}
