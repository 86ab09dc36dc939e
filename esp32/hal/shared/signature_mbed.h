// Whether a firmware is from whom it says: SHA-256 while it comes in, ECDSA over that in the end.
#pragma once
#include <mbedtls/sha256.h>

#include "../hal.h"

namespace camproxy {

class FirmwareCheck {
 public:
  void begin();
  void add(const uint8_t* data, size_t size);
  // `key` is a public key in PEM. Both must hold, the promised hash and the signature over it: null, or what does not.
  const char* wrong(const char* key, const uint8_t sha256[kHashSize], const uint8_t* signature, size_t size);

 private:
  mbedtls_sha256_context hash_;
};

}  // namespace camproxy
