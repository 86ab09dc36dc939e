// tests/wire: what the server may say, and what this board answers. The server's tests and the Pico's read the same files.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fakes.h"

using namespace camproxy;
using test::House;

namespace {

// From here, esp32/, where `make` and the tests run this.
constexpr const char* kExamples = "../tests/wire/to_device";

std::string whole(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream all;
  all << file.rdbuf();
  return all.str();
}

// What stands between the commas of an array of objects; the board itself has no use for arrays.
std::vector<std::string> elements(const Json& array) {
  REQUIRE(array.kind() == Json::Kind::array);
  const std::string text = test::text(array.raw());
  std::vector<std::string> found;
  int depth = 0;
  bool quoted = false;
  size_t begin = 0;
  for (size_t i = 1; i < text.size(); i++) {
    if (text[i] == '"' && text[i - 1] != '\\') quoted = !quoted;
    if (quoted) continue;
    if (text[i] == '{' && depth++ == 0) begin = i;
    if (text[i] == '}' && --depth == 0) found.push_back(text.substr(begin, i + 1 - begin));
  }
  return found;
}

// The last text that the board said, not counting what it says by itself.
std::string answer(House& house) {
  std::string last;
  for (const auto& message : house.heard()) {
    if (message.kind != ws::Event::Kind::text) continue;
    const Json said = Json::parse(Slice(message.data.data(), message.data.size()));
    if (!said["type"].is("heartbeat") && !said["type"].is("log")) last = message.data;
  }
  return last;
}

std::string told(const std::string& message) {
  House house;
  house.start();
  house.welcome();
  house.connection.sent.clear();
  house.tell(message);
  return answer(house);
}

// Each field of an answer that the examples can ask for.
void check_fields(const Json& wanted, const Json& said) {
  for (const char* name : {"type", "command", "id", "status", "servo1", "servo2"}) {
    CAPTURE(name);
    if (wanted[name].there()) CHECK(test::text(said[name].raw()) == test::text(wanted[name].raw()));
  }
}

}  // namespace

TEST_CASE("wire: every example is answered as it says") {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kExamples)) {
    const std::string name = entry.path().stem();
    const std::string text = whole(entry.path());
    const Json example = Json::parse(Slice(text.data(), text.size()));
    REQUIRE(example.there());
    files++;
    const bool for_us = test::text(example["devices"].raw()).find("esp32cam") != std::string::npos;
    for (const std::string& good : elements(example["good"])) {
      CAPTURE(good);
      const Json one = Json::parse(Slice(good.data(), good.size()));
      const std::string said = told(test::text(one["message"].raw()));
      const Json read = Json::parse(Slice(said.data(), said.size()));
      if (name == "config_pico") {
        CHECK(read["status"].is("success"));  // nothing of ours in it
      } else if (!for_us) {
        CHECK((said.empty() || read["status"].is("error")));
      } else if (one["answer"].kind() == Json::Kind::null) {
        CHECK(said.empty());
      } else {
        check_fields(one["answer"], read);
        if (!one["message"]["id"].there()) CHECK_FALSE(read["id"].there());
      }
    }
    if (!for_us) continue;
    for (const std::string& bad : elements(example["bad"])) {
      CAPTURE(bad);
      const Json one = Json::parse(Slice(bad.data(), bad.size()));
      const std::string said = told(bad);
      const Json read = Json::parse(Slice(said.data(), said.size()));
      CHECK(read["type"].is("ack"));
      CHECK(read["status"].is("error"));
      CHECK(test::text(read["id"].raw()) == test::text(one["id"].raw()));
    }
  }
  CHECK(files >= 12);
}
