// A board on this machine: the core as it is, over real sockets, with hardware that is played.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include <fstream>
#include <sstream>

#include "../core/app.h"
#include "../hal/shared/tls_mbed.h"
#include "fakes.h"

namespace camproxy::sim {

static std::string whole(const std::string& path) {
  std::ifstream file(path);
  std::stringstream all;
  all << file.rdbuf();
  return all.str();
}

// What a person would have typed.
static Setup set_up(const Options& options) {
  Setup setup;
  setup.ssid.set("simulated");
  setup.name.set_cut(Slice(options.name.c_str()));
  setup.token.set(Slice(options.token.c_str()));
  setup.key.set(Slice(options.key.c_str()));
  setup.view_token.set(Slice(options.view_token.c_str()));
  setup.code.set(Slice(options.code.empty() ? "12345678" : options.code.c_str()));
  setup.nonce.set("simulated");
  bool wrong = !options.pin.empty() && !add_pin(Slice(options.pin.c_str()), setup.trust);
  if (!options.fingerprint.empty()) {
    setup.trust.has_fingerprint = read_hex(Slice(options.fingerprint.c_str()), setup.trust.fingerprint, kHashSize);
    wrong = wrong || !setup.trust.has_fingerprint;
  }
  if (!options.server.empty()) {
    char scheme[6];
    char host[64];
    unsigned port = 0;
    wrong = wrong || sscanf(options.server.c_str(), "%5[a-z]://%63[^:/]:%u", scheme, host, &port) != 3;
    setup.tls = Slice(scheme) == "https";
    setup.host.set(host);
    setup.port = static_cast<uint16_t>(port);
  }
  if (wrong) {
    fputs("--server, --pin or --fingerprint cannot be understood\n", stderr);
    exit(2);
  }
  return setup;
}

static int run(int count, char** words) {
  const Options options = read_options(count, words);
  static Faults faults;
  SimBoard board(options, faults, words);
  SimStore store(options.store);
  SimUpdater updater(options, board);
  SimNetwork network(options, faults, updater);
  SimSensor sensor(options, faults);
  const std::string authority = options.authority.empty() ? "" : whole(options.authority);
  if (!authority.empty()) board.set_unix_time(0);  // a host knows the time
  TlsConnection wire(board, authority.empty() ? nullptr : authority.c_str());
  SimConnection connection(wire, faults, board);
  in_addr interface{};
  inet_pton(AF_INET, options.interface.c_str(), &interface);
  MulticastSocket multicast(interface.s_addr);
  PortListener listener(options.view_port ? options.view_port : 1);

  Setup stored;
  if (!options.server.empty() || !options.interface.empty()) {
    if (!store.load("setup", &stored, sizeof stored)) {
      stored = set_up(options);
      store.save("setup", &stored, sizeof stored);
    }
  }
  static App app({board, network, connection, listener, multicast, sensor, store, updater});
  app.start(board.ticks());
  for (bool online = false;;) {
    app.poll(board.ticks());
    if (app.online() != online) say((online = app.online()) ? "sim online" : "sim offline");
    board.rest(app.busy());
  }
}

}  // namespace camproxy::sim

int main(int count, char** words) { return camproxy::sim::run(count, words); }
