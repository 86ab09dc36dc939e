#include "signature_mbed.h"

#include <mbedtls/pk.h>
#include <mbedtls/version.h>

namespace camproxy {

void FirmwareCheck::begin() {
  mbedtls_sha256_init(&hash_);
#if MBEDTLS_VERSION_MAJOR >= 3
  mbedtls_sha256_starts(&hash_, 0);
#else
  mbedtls_sha256_starts_ret(&hash_, 0);
#endif
}

void FirmwareCheck::add(const uint8_t* data, size_t size) {
#if MBEDTLS_VERSION_MAJOR >= 3
  mbedtls_sha256_update(&hash_, data, size);
#else
  mbedtls_sha256_update_ret(&hash_, data, size);
#endif
}

const char* FirmwareCheck::wrong(const char* key, const uint8_t sha256[kHashSize], const uint8_t* signature,
                                 size_t size) {
  uint8_t found[kHashSize];
#if MBEDTLS_VERSION_MAJOR >= 3
  mbedtls_sha256_finish(&hash_, found);
#else
  mbedtls_sha256_finish_ret(&hash_, found);
#endif
  mbedtls_sha256_free(&hash_);
  if (memcmp(found, sha256, kHashSize) != 0) return "its hash is another";
  mbedtls_pk_context signer;
  mbedtls_pk_init(&signer);
  const bool good =
      mbedtls_pk_parse_public_key(&signer, reinterpret_cast<const uint8_t*>(key), strlen(key) + 1) == 0 &&
      mbedtls_pk_verify(&signer, MBEDTLS_MD_SHA256, found, sizeof found, signature, size) == 0;
  mbedtls_pk_free(&signer);
  return good ? nullptr : "its signature is not by the key that is built in";
}

}  // namespace camproxy
