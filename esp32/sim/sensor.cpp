// The camera: pictures from a folder, where the head points; and the driver's ways to punish.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "fakes.h"

namespace camproxy::sim {

namespace fs = std::filesystem;

SimSensor::SimSensor(const Options& options, Faults& faults) : options_(options), faults_(faults) {
  if (options.pose_port == 0) return;
  pose_socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_port = htons(options.pose_port);
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(pose_socket_, reinterpret_cast<sockaddr*>(&own), sizeof own) != 0) {
    perror("--pose-port");
    exit(2);
  }
}

bool SimSensor::start(FrameSize size, uint8_t quality) {
  if (running_) panic("the camera is started twice");
  // What board_esp32.cpp asks of the driver; the driver itself says nothing and shows old or broken pictures.
  const int buffers = options_.psram ? 2 : 1;
  const bool grab_latest = options_.psram;
  if (grab_latest && buffers < 2) panic("GRAB_LATEST with one buffer hands out frames that are being written");
  running_ = true;
  return adjust(options_.psram || size < FrameSize::qvga ? size : FrameSize::qvga, quality);
}

bool SimSensor::adjust(FrameSize size, uint8_t) {
  if (!running_) panic("a camera is adjusted that does not run");
  if (out_) panic("the camera is adjusted while a frame is out");
  if (!options_.psram && size > FrameSize::qvga) return false;
  if (options_.live.empty()) open_album(size);
  say(std::string("sim camera ") + facts(size).name);
  return true;
}

// The folder of that size, or whichever there is.
void SimSensor::open_album(FrameSize size) {
  folder_ = options_.pictures + "/" + facts(size).name;
  if (!fs::is_directory(folder_)) {
    folder_.clear();
    for (const auto& entry : fs::directory_iterator(options_.pictures))
      if (entry.is_directory()) folder_ = entry.path().string();
  }
  if (folder_.empty()) panic("there are no pictures in " + options_.pictures);
  views_.clear();
  for (const auto& entry : fs::directory_iterator(folder_)) {
    Pose view;
    if (sscanf(entry.path().filename().c_str(), "%d-%d.jpg", &view.pan, &view.tilt) == 2) views_.push_back(view);
  }
  if (views_.empty()) panic("there are no pictures in " + folder_);
}

void SimSensor::stop() {
  if (out_) panic("the camera is stopped while a frame is out");
  if (!running_) panic("a camera is stopped that does not run");
  running_ = false;
  say("sim camera off");
}

// What the simulated Pico says (pico/sim/README.md): {"servo1": 90, "servo2": 45.25}; null while a servo has no pulses.
static void turn(const char* said, const char* servo, int& angle) {
  const char* found = strstr(said, servo);
  const char* value = found ? strchr(found, ':') : nullptr;
  if (!value) return;
  char* end = nullptr;
  const double degrees = strtod(value + 1, &end);
  if (end != value + 1 && degrees >= 0 && degrees <= 180) angle = static_cast<int>(degrees + 0.5);
}

SimSensor::Pose SimSensor::pose() {
  char text[128];
  ssize_t got = 0;
  while (pose_socket_ >= 0 && (got = recv(pose_socket_, text, sizeof text - 1, 0)) > 0) {
    text[got] = 0;
    turn(text, "servo1", pose_.pan);
    turn(text, "servo2", pose_.tilt);
  }
  if (!options_.pose_file.empty()) {
    std::ifstream file(options_.pose_file);
    Pose next;
    if (file >> next.pan >> next.tilt) pose_ = next;
  }
  return pose_;
}

static std::vector<uint8_t> whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

const SimSensor::Picture& SimSensor::look(const Pose& pose) {
  if (!options_.live.empty()) return now_ = whole(options_.live);
  const Pose* nearest = &views_.front();
  const auto away = [&pose](const Pose& view) { return abs(view.pan - pose.pan) + abs(view.tilt - pose.tilt); };
  for (const Pose& view : views_)
    if (away(view) < away(*nearest)) nearest = &view;
  char name[32];
  snprintf(name, sizeof name, "/%03d-%03d.jpg", nearest->pan, nearest->tilt);
  Picture& picture = seen_[folder_ + name];
  if (picture.empty()) picture = whole(folder_ + name);
  return picture;
}

bool SimSensor::take(Frame& frame) {
  if (!running_) panic("a frame is taken from a camera that does not run");
  if (out_) panic("a second frame is taken before the first is back");
  if (faults_.blind > 0) {
    faults_.blind--;
    return false;
  }
  const Picture* picture = &look(pose());
  if (picture->empty()) return false;
  if (faults_.garbage > 0 || faults_.truncated > 0) {
    spoilt_ = *picture;
    if (faults_.truncated > 0) {
      faults_.truncated--;
      spoilt_.resize(spoilt_.size() / 2);
    } else {
      faults_.garbage--;
      for (uint8_t& byte : spoilt_) byte ^= 0x5A;
    }
    picture = &spoilt_;
  }
  out_ = true;
  frame.data = picture->data();
  frame.size = picture->size();
  frame.handle = this;
  return true;
}

void SimSensor::give_back(const Frame& frame) {
  if (!out_ || frame.handle != this) panic("a frame is given back that was not out");
  out_ = false;
}

}  // namespace camproxy::sim
