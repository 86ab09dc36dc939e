// NVS as a file for each record, and the two firmware slots with their boot loader.
#include <stdio.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "fakes.h"

namespace camproxy::sim {

namespace fs = std::filesystem;

static std::string whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream all;
  all << file.rdbuf();
  return all.str();
}

static bool replace(const std::string& path, const void* data, size_t size) {
  const std::string fresh = path + ".new";
  std::ofstream file(fresh, std::ios::binary);
  file.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
  file.close();
  return file && rename(fresh.c_str(), path.c_str()) == 0;
}

bool SimStore::load(const char* name, void* to, size_t size) {
  const std::string stored = whole(directory_ + "/nvs." + name);
  if (stored.size() != size) return false;
  memcpy(to, stored.data(), size);
  return true;
}

bool SimStore::save(const char* name, const void* from, size_t size) {
  const std::string path = directory_ + "/nvs." + name;
  const std::string stored = whole(path);
  if (stored.size() == size && memcmp(stored.data(), from, size) == 0 && strcmp(name, "config") == 0)
    panic("flash is written with what it has already");
  const bool done = replace(path, from, size);
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  say(std::string("sim stored ") + name);
  return done;
}

void SimStore::forget() {
  for (const auto& entry : fs::directory_iterator(directory_))
    if (entry.path().filename().string().rfind("nvs.", 0) == 0) fs::remove(entry.path());
}

// The version that an image names, see core/messages.h; the simulator's own when there is no image.
static std::string version_in(const std::string& image) {
  const std::string mark(kMark, kVersion - kMark);
  const size_t at = image.find(mark);
  return at == std::string::npos ? kVersion : image.c_str() + at + mark.size();
}

// The loader's state is in the file "boot"; the image that waits or is on trial is "slot", the one that was kept "kept".
SimUpdater::SimUpdater(const Options& options, SimBoard& board) : board_(board), directory_(options.store) {
  if (!options.update_key.empty()) key_ = whole(options.update_key);
  const std::string boots = whole(path("boot"));
  if (boots == "trial") {  // it was reset before it had proved itself
    fs::remove(path("boot"));
    say("sim boot loader: back to the firmware before");
  } else if (boots == "next") {
    replace(path("boot"), "trial", 5);
    on_trial_ = true;
    bad_ = whole(path("slot")).find("BAD FIRMWARE") != std::string::npos;
    say("sim boot loader: a firmware on trial");
  }
  version_ = version_in(whole(path(on_trial_ ? "slot" : "kept")));
}

const char* SimUpdater::begin(uint32_t size) {
  if (key_.empty()) return "no key is built in, so it takes no firmware";
  if (size > 0x1E0000) return "it does not fit";  // into a slot
  size_ = size;
  image_.clear();
  check_.begin();
  return nullptr;
}

bool SimUpdater::write(const uint8_t* data, size_t size) {
  if (image_.size() + size > size_) panic("the firmware is longer than its slot was made for");
  image_.insert(image_.end(), data, data + size);
  check_.add(data, size);
  return true;
}

const char* SimUpdater::finish(const uint8_t sha256[kHashSize], const uint8_t* signature, size_t size) {
  const char* wrong = check_.wrong(key_.c_str(), sha256, signature, size);
  say(wrong ? "sim firmware refused" : "sim firmware good");
  if (wrong) return wrong;
  const bool good = replace(path("slot"), image_.data(), image_.size()) && replace(path("boot"), "next", 4);
  return good ? nullptr : "it cannot be started";
}

void SimUpdater::abandon() {
  image_.clear();
  say("sim firmware abandoned");
}

void SimUpdater::keep() {
  on_trial_ = false;
  rename(path("slot").c_str(), path("kept").c_str());
  fs::remove(path("boot"));
  say("sim firmware kept");
}

void SimUpdater::roll_back() { board_.reset("sw"); }

}  // namespace camproxy::sim
