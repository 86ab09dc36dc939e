#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

namespace camproxy::sim {

static const char kHelp[] = R"(A simulated ESP32-CAM: the board's own code, with its hardware played by this program.

  --store DIR          what stays without power: set-up, configuration, firmware slots
  --pictures DIR       what it sees: DIR/<FRAMESIZE>/<pan>-<tilt>.jpg, made by make_pictures.py
  --live FILE          or what another program has last put there; the size is then that program's business
  --pose FILE          where the head points, "90 45"; the picture follows
  --pose-port N        or what a simulated Pico with the same --pose-port says on 127.0.0.1:N

Set-up, for a store that is empty (a person would type it at the serial port):
  --server URL         https://host:port or http://host:port; without it, the server is looked for by mDNS
  --token T            pairing token          --key K         the key of a device that has enrolled
  --pin sha256//...    the server's key       --fingerprint H its certificate's SHA-256
  --name NAME          --view-token T         --code N        8 digits

  --view-port N        where it serves its own pictures, on 127.0.0.1 (pull mode)
  --ca FILE            certificate authorities, PEM
  --update-key FILE    public key for firmware, PEM
  --interface ADDR     speak mDNS on the interface of that address
  --mac M  --clock MS  --heap BYTES  --no-psram
  --speed N            so many of its seconds pass in one of ours

Its standard input is the serial port. Lines that begin with ! happen to it:
  !pir 0|1   !heap N   !block N   !wifi 0|1   !drop   !silent SECONDS   !garbage N   !truncate N   !blind N
  !slow BYTES A SECOND           !brownout   !hang      !wake     !state
  !later MILLISECONDS: its clock jumps               !measure: the memory and the files that it holds
  !cut BYTES: the connection is lost when so many more have come
)";

Options read_options(int count, char** words) {
  Options options;
  enum { store = 1, pictures, live, pose, pose_port, server, token, key, pin, fingerprint, ca, update_key, name, view_token,
         view_port, mac, code, interface, clock, speed, heap, no_psram, help };
  static const option known[] = {
      {"store", 1, nullptr, store}, {"pictures", 1, nullptr, pictures}, {"live", 1, nullptr, live},
      {"pose", 1, nullptr, pose},
      {"pose-port", 1, nullptr, pose_port}, {"server", 1, nullptr, server}, {"token", 1, nullptr, token},
      {"key", 1, nullptr, key}, {"pin", 1, nullptr, pin}, {"fingerprint", 1, nullptr, fingerprint},
      {"ca", 1, nullptr, ca}, {"update-key", 1, nullptr, update_key}, {"name", 1, nullptr, name},
      {"view-token", 1, nullptr, view_token}, {"view-port", 1, nullptr, view_port}, {"mac", 1, nullptr, mac},
      {"code", 1, nullptr, code}, {"interface", 1, nullptr, interface}, {"clock", 1, nullptr, clock},
      {"speed", 1, nullptr, speed}, {"heap", 1, nullptr, heap}, {"no-psram", 0, nullptr, no_psram}, {"help", 0, nullptr, help}, {}};
  const auto number = [] { return static_cast<uint32_t>(strtoul(optarg, nullptr, 10)); };
  for (int found = 0; (found = getopt_long(count, words, "", known, nullptr)) != -1;) {
    switch (found) {
      case store: options.store = optarg; break;
      case pictures: options.pictures = optarg; break;
      case live: options.live = optarg; break;
      case pose: options.pose_file = optarg; break;
      case pose_port: options.pose_port = static_cast<uint16_t>(number()); break;
      case server: options.server = optarg; break;
      case token: options.token = optarg; break;
      case key: options.key = optarg; break;
      case pin: options.pin = optarg; break;
      case fingerprint: options.fingerprint = optarg; break;
      case ca: options.authority = optarg; break;
      case update_key: options.update_key = optarg; break;
      case name: options.name = optarg; break;
      case view_token: options.view_token = optarg; break;
      case view_port: options.view_port = static_cast<uint16_t>(number()); break;
      case mac: options.mac = optarg; break;
      case code: options.code = optarg; break;
      case interface: options.interface = optarg; break;
      case clock: options.clock = number(); break;
      case speed: options.speed = number(); break;
      case heap: options.heap = number(); break;
      case no_psram: options.psram = false; break;
      case help: fputs(kHelp, stdout); exit(0);
      default: exit(2);
    }
  }
  if (options.store.empty() || (options.pictures.empty() && options.live.empty())) {
    fputs("--store and --pictures, or --live, are needed; --help says more\n", stderr);
    exit(2);
  }
  return options;
}

}  // namespace camproxy::sim
