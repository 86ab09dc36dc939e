// The simulator's command line.
#pragma once
#include <stdint.h>

#include <string>

namespace camproxy::sim {

struct Options {
  std::string store;      // a directory: NVS and the OTA slots
  std::string pictures;   // a directory of <FRAMESIZE>/<pan>-<tilt>.jpg, see make_pictures.py
  std::string live;       // a JPEG that another program writes anew all the time; instead of `pictures`
  std::string pose_file;  // "90 45", read whenever a picture is taken
  uint16_t pose_port = 0; // or as a simulated Pico says it by UDP on loopback
  std::string server;     // http(s)://host:port
  std::string token;
  std::string key;
  std::string pin;
  std::string fingerprint;
  std::string authority;  // a file
  std::string update_key; // a file
  std::string name = "Simulated camera";
  std::string view_token;
  uint16_t view_port = 0;
  std::string mac = "24:6F:28:AA:BB:CC";
  std::string code;
  std::string interface;  // its IPv4 address: where mDNS is spoken
  uint32_t clock = 0;     // milliseconds at which its clock begins
  uint32_t speed = 1;     // milliseconds of the board that pass in one of ours
  uint32_t heap = 120000;
  bool psram = true;
};

// Prints help, or what is wrong, and ends the program if need be.
Options read_options(int count, char** words);

}  // namespace camproxy::sim
