// A firmware from the server: fetched over the board's one connection, checked, booted on trial, kept when it has proved
// itself. While it is fetched there is no other connection.
#pragma once
#include "../hal/hal.h"
#include "json.h"

namespace camproxy {

class Update {
 public:
  // A firmware on trial that has had a session for this long is kept; one that has none for so long goes.
  static constexpr uint32_t kProves = 30 * kSecond;
  static constexpr uint32_t kTrial = 300 * kSecond;
  static constexpr size_t kMostSignature = 72;

  explicit Update(Updater& updater) : updater_(updater) {}

  // {"type": "update", "path", "size", "sha256", "signature"}: null, or what is wrong with it.
  const char* order(const Json& message);
  bool ordered() const { return !path_.empty(); }
  Slice path() const { return path_.slice(); }

  // The download. `receive` is false when there is no use in going on.
  bool receive(const Slice& part);
  // The whole has come: whether the board may start anew with it.
  bool finish();
  void give_up();

  // To be called all the time; `open_for` as of the link. True when the trial has failed: roll back.
  bool trial_failed(uint32_t open_for, uint32_t uptime);

 private:
  Updater& updater_;
  Text<63> path_;
  uint32_t size_ = 0;
  uint32_t got_ = 0;
  uint8_t sha256_[kHashSize] = {};
  uint8_t signature_[kMostSignature] = {};
  uint8_t signature_size_ = 0;
};

}  // namespace camproxy
