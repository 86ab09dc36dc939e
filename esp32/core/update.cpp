#include "update.h"

#include "base64.h"

namespace camproxy {

const char* Update::order(const Json& message) {
  char text[base64_size(kMostSignature) + 1];
  int32_t size = 0;
  if (!message["path"].read(path_) || !path_.slice().starts_with("/")) path_.clear();
  if (path_.empty()) return "path must be one on this server";
  const char* wrong = nullptr;
  if (!message["size"].read(size) || size <= 0) wrong = "size must be a number of bytes";
  if (!message["sha256"].read(text, sizeof text) || !read_hex(text, sha256_, kHashSize)) wrong = "sha256 is none";
  const int signature =
      message["signature"].read(text, sizeof text) ? from_base64(text, signature_, kMostSignature) : -1;
  if (signature <= 0) wrong = "signature must be base64 of at most 72 bytes";
  if (wrong) {
    path_.clear();
    return wrong;
  }
  size_ = static_cast<uint32_t>(size);
  got_ = 0;
  tries_ = 0;
  problem_ = nullptr;
  signature_size_ = static_cast<uint8_t>(signature);
  return nullptr;
}

uint32_t Update::ask() {
  tries_++;
  resumed_ = got_ > 0;
  return got_;
}

bool Update::receive(const Slice& part) {
  const char* wrong = got_ == 0 ? updater_.begin(size_) : nullptr;
  if (!wrong && part.size > size_ - got_) wrong = "it is longer than was said";
  if (!wrong && !updater_.write(reinterpret_cast<const uint8_t*>(part.data), part.size)) wrong = "it cannot be stored";
  got_ += static_cast<uint32_t>(part.size);
  if (wrong) give_up(wrong);
  return !wrong;
}

bool Update::finish() {
  const char* wrong = got_ < size_ ? "it is shorter than was said" : nullptr;
  if (!wrong) wrong = updater_.finish(sha256_, signature_, signature_size_);
  if (wrong) {
    give_up(wrong);
    return false;
  }
  path_.clear();
  got_ = 0;
  return true;
}

void Update::give_up(const char* why) {
  if (got_ > 0) updater_.abandon();
  path_.clear();
  got_ = 0;
  problem_ = why;
}

bool Update::trial_failed(uint32_t open_for, uint32_t uptime) {
  if (!updater_.on_trial()) return false;
  if (open_for >= kProves) {
    updater_.keep();
    return false;
  }
  return uptime > kTrial;
}

}  // namespace camproxy
