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
  signature_size_ = static_cast<uint8_t>(signature);
  return nullptr;
}

bool Update::receive(const Slice& part) {
  if (got_ == 0 && !updater_.begin(size_)) return false;
  if (part.size > size_ - got_) return false;
  got_ += static_cast<uint32_t>(part.size);
  return updater_.write(reinterpret_cast<const uint8_t*>(part.data), part.size);
}

bool Update::finish() {
  const bool good = got_ == size_ && updater_.finish(sha256_, signature_, signature_size_);
  if (!good) updater_.abandon();
  path_.clear();
  got_ = 0;
  return good;
}

void Update::give_up() {
  if (got_ > 0) updater_.abandon();
  path_.clear();
  got_ = 0;
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
