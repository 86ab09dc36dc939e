// A firmware from the server: fetched over the board's one connection, checked, booted on trial, kept when it has proved
// itself. While it is fetched there is no other connection; a download that breaks off goes on where it was.
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
  // So many requests, then it goes back to its work and says so: the server may order it again.
  static constexpr uint8_t kMostTries = 5;

  explicit Update(Updater& updater) : updater_(updater) {}

  // {"type": "update", "path", "size", "sha256", "signature"}: null, or what is wrong with it.
  const char* order(const Json& message);
  bool ordered() const { return !path_.empty(); }
  Slice path() const { return path_.slice(); }

  // Another request: from which byte on. Its answer has the status `expected`.
  uint32_t ask();
  uint16_t expected() const { return resumed_ ? 206 : 200; }
  // False when there is no use in going on.
  bool receive(const Slice& part);
  // The whole has come: whether the board may start anew with it.
  bool finish();
  // The connection has ended before that: whether to ask again.
  bool again() const { return tries_ < kMostTries; }
  void give_up(const char* why);

  // Why the last order came to nothing, until the server was told; null when it did not.
  const char* problem() const { return problem_; }
  void told() { problem_ = nullptr; }

  // Whether there is a download or a trial that sleep would end.
  bool busy() { return ordered() || updater_.on_trial(); }
  // To be called all the time; `open_for` as of the link. True when the trial has failed: roll back.
  bool trial_failed(uint32_t open_for, uint32_t uptime);

 private:
  Updater& updater_;
  const char* problem_ = nullptr;
  Text<63> path_;
  uint32_t size_ = 0;
  uint32_t got_ = 0;
  uint8_t sha256_[kHashSize] = {};
  uint8_t signature_[kMostSignature] = {};
  uint8_t signature_size_ = 0;
  uint8_t tries_ = 0;
  bool resumed_ = false;
};

}  // namespace camproxy
