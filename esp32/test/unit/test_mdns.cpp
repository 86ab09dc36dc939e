#include <algorithm>
#include <random>

#include "fakes.h"

using namespace camproxy;
using test::House;

namespace {

std::string name(const std::string& dotted) {
  std::string out;
  for (size_t at = 0; at < dotted.size();) {
    const size_t dot = std::min(dotted.find('.', at), dotted.size());
    out += static_cast<char>(dot - at) + dotted.substr(at, dot - at);
    at = dot + 1;
  }
  return out + '\0';
}

std::string two(uint32_t value) { return {static_cast<char>(value >> 8), static_cast<char>(value)}; }

std::string record(const std::string& owner, uint32_t type, const std::string& data, uint32_t ttl = 120) {
  return owner + two(type) + two(1) + two(0) + two(ttl) + two(static_cast<uint32_t>(data.size())) + data;
}

std::string txt(const std::string& text) { return static_cast<char>(text.size()) + text; }

// As zeroconf writes it, with names that point back.
std::string announcement() {
  const std::string service = name("_camproxy._tcp.local");
  const std::string pointer = "\xC0\x0C";
  const std::string own = txt("Shed") + pointer;
  return two(0) + two(0x8400) + two(0) + two(4) + two(0) + two(0) + record(service, 12, own) +
         record(own, 33, two(0) + two(0) + two(5443) + name("camproxy-1.local")) +
         record(own, 16, txt("version=1") + txt("tls=1") + txt("fingerprint=" + std::string(64, 'a'))) +
         record(name("camproxy-1.local"), 1, {10, 1, 0, 1});
}

bool read(const std::string& packet, FoundServer& found) {
  const std::vector<uint8_t> bytes(packet.begin(), packet.end());  // of its very size
  return read_server(bytes.data(), bytes.size(), found);
}

}  // namespace

TEST_CASE("mdns: a server is found, with its port and its fingerprint") {
  FoundServer found;
  REQUIRE(read(announcement(), found));
  CHECK(test::text(found.host.slice()) == "10.1.0.1");
  CHECK(found.port == 5443);
  CHECK(found.tls);
  CHECK(found.has_fingerprint);
  CHECK(found.fingerprint[31] == 0xAA);
}

TEST_CASE("mdns: whatever comes is survived, loops of names too") {
  FoundServer found;
  CHECK_FALSE(read(two(0) + two(0x8400) + two(1) + two(0) + two(0) + two(0) + "\xC0\x0C", found));
  std::mt19937 chance(5);
  const std::string good = announcement();
  for (int round = 0; round < 30000; round++) {
    std::string spoilt = good.substr(0, chance() % (good.size() + 1));
    for (auto i = chance() % 5; i > 0 && !spoilt.empty(); i--)
      spoilt[chance() % spoilt.size()] = static_cast<char>(chance());
    read(spoilt, found);
  }
}

TEST_CASE("mdns: it looks for a server when it is told none, and does not show its key without TLS") {
  House house;
  Setup setup = {};
  setup.ssid.set("net");
  setup.key.set("the-key-of-this-device");
  setup.trust.pin_count = 1;
  house.store.save("setup", &setup, sizeof setup);
  house.start();
  house.run(10);
  CHECK(house.connection.opened == 0);
  CHECK(house.multicast.sent.size() == 2);  // here I am; where are you?
  std::string plain = announcement();
  plain.replace(plain.find("tls=1"), 5, "tls=0");
  house.multicast.incoming.push_back(plain);
  house.run(10);
  CHECK(house.connection.opened == 0);
  House other;
  other.store.save("setup", &setup, sizeof setup);
  other.start();
  other.multicast.incoming.push_back(announcement());
  other.run(10);
  CHECK(other.connection.opened == 1);
  CHECK(other.connection.host == "10.1.0.1");
  CHECK(other.connection.tls);
}

TEST_CASE("mdns: it answers whoever asks for boards") {
  House house;
  house.start();
  house.run(3000);
  const size_t said = house.multicast.sent.size();
  CHECK(said == 2);
  const std::string question = two(0) + two(0) + two(1) + two(0) + two(0) + two(0) + name("_camproxy-device._tcp.local") + two(12) + two(1);
  house.multicast.incoming.push_back(question);
  house.multicast.incoming.push_back(question);
  house.run(10);
  REQUIRE(house.multicast.sent.size() == said + 1);
  CHECK(house.multicast.sent.back().find("mac=24:6f:28:aa:bb:cc") != std::string::npos);
  CHECK(house.multicast.sent.back().find("paired=1") != std::string::npos);
}
