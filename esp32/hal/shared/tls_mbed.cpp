#include "tls_mbed.h"

#include <arpa/inet.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

namespace camproxy {
namespace {

void sha256(const uint8_t* data, size_t size, uint8_t out[kHashSize]) {
#if MBEDTLS_VERSION_MAJOR >= 3
  mbedtls_sha256(data, size, out, 0);
#else
  mbedtls_sha256_ret(data, size, out, 0);
#endif
}

int receive(void* socket, unsigned char* to, size_t room) {
  const int got = static_cast<TcpSocket*>(socket)->read(to, room);
  return got > 0 ? got : got == 0 ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_NET_CONN_RESET;
}

int send(void* socket, const unsigned char* from, size_t size) {
  const int sent = static_cast<TcpSocket*>(socket)->write(from, size);
  return sent > 0 ? sent : sent == 0 ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_NET_CONN_RESET;
}

bool is_address(const char* host) {
  in_addr address{};
  return inet_pton(AF_INET, host, &address) == 1;
}

bool again(int result) { return result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE; }

}  // namespace

TlsConnection::TlsConnection(Board& board, const char* authority) : board_(board), authority_(authority) {
  mbedtls_entropy_init(&entropy_);
  mbedtls_ctr_drbg_init(&random_);
  mbedtls_x509_crt_init(&authorities_);
  mbedtls_ssl_config_init(&config_);
  mbedtls_ssl_init(&session_);
}

TlsConnection::~TlsConnection() {
  close();
  mbedtls_x509_crt_free(&authorities_);
  mbedtls_ctr_drbg_free(&random_);
  mbedtls_entropy_free(&entropy_);
}

void TlsConnection::open(const Target& target) {
  close();
  tls_ = target.tls;
  trust_ = target.trust;
  problem_ = "it cannot be reached";
  if (tls_ && !prepare(target)) return;
  if (socket_.open(target.host, target.port)) stage_ = Stage::connecting;
}

bool TlsConnection::prepare(const Target& target) {
  const bool knows_it = trust_.pin_count > 0 || trust_.has_fingerprint || trust_.anybody;
  if (!knows_it && (!authority_ || board_.unix_time() == 0)) {
    problem_ = authority_ ? "certificates cannot be checked before the time is known" : "it has no pin of that server";
    return false;
  }
  has_session_ = true;
  int result = 0;
  if (!seeded_) {
    result = mbedtls_ctr_drbg_seed(&random_, mbedtls_entropy_func, &entropy_, nullptr, 0);
    if (authority_ && result == 0)
      result = mbedtls_x509_crt_parse(&authorities_, reinterpret_cast<const uint8_t*>(authority_), strlen(authority_) + 1);
    seeded_ = result == 0;
  }
  if (result == 0)
    result = mbedtls_ssl_config_defaults(&config_, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                         MBEDTLS_SSL_PRESET_DEFAULT);
  mbedtls_ssl_conf_rng(&config_, mbedtls_ctr_drbg_random, &random_);
  mbedtls_ssl_conf_min_version(&config_, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
  // A pin is compared below. That the server has the key, and not only the certificate, the handshake proves.
  mbedtls_ssl_conf_authmode(&config_, knows_it ? MBEDTLS_SSL_VERIFY_NONE : MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(&config_, &authorities_, nullptr);
  if (result == 0) result = mbedtls_ssl_setup(&session_, &config_);
  if (result == 0) result = mbedtls_ssl_set_hostname(&session_, knows_it && is_address(target.host) ? nullptr : target.host);
  mbedtls_ssl_set_bio(&session_, &socket_, send, receive, nullptr);
  if (result != 0) {
    problem_ = "there is no memory for TLS";
    close();
  }
  return result == 0;
}

Connection::Progress TlsConnection::progress() {
  switch (stage_) {
    case Stage::closed: return Progress::failed;
    case Stage::ready: return Progress::ready;
    case Stage::connecting: {
      const Progress progress = socket_.progress();
      if (progress == Progress::failed) return fail("it cannot be reached");
      if (progress == Progress::working) return progress;
      stage_ = tls_ ? Stage::shaking_hands : Stage::ready;
      return tls_ ? Progress::working : Progress::ready;
    }
    case Stage::shaking_hands: break;
  }
  const int result = mbedtls_ssl_handshake(&session_);
  if (again(result)) return Progress::working;
  if (result == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) return fail("its certificate is not one to believe");
  if (result != 0) return fail("TLS could not be agreed upon");
  if (!recognize()) return fail("its certificate is not the one that was pinned");
  stage_ = Stage::ready;
  return Progress::ready;
}

bool TlsConnection::recognize() {
  const mbedtls_x509_crt* shown = mbedtls_ssl_get_peer_cert(&session_);
  if (!shown) return false;
  sha256(shown->pk_raw.p, shown->pk_raw.len, pin_);
  has_pin_ = true;
  for (uint8_t i = 0; i < trust_.pin_count; i++)
    if (memcmp(trust_.pins[i], pin_, kHashSize) == 0) return true;
  if (trust_.pin_count > 0) return false;
  if (!trust_.has_fingerprint) return true;  // an authority vouches for it, or anybody will do
  uint8_t fingerprint[kHashSize];
  sha256(shown->raw.p, shown->raw.len, fingerprint);
  return memcmp(trust_.fingerprint, fingerprint, kHashSize) == 0;
}

Connection::Progress TlsConnection::fail(const char* why) {
  close();
  problem_ = why;
  return Progress::failed;
}

int TlsConnection::read(uint8_t* to, size_t room) {
  if (stage_ != Stage::ready) return -1;
  if (!tls_) return socket_.read(to, room);
  const int got = mbedtls_ssl_read(&session_, to, room);
  if (got > 0) return got;
  return again(got) ? 0 : -1;
}

int TlsConnection::write(const uint8_t* from, size_t size) {
  if (stage_ != Stage::ready) return -1;
  if (!tls_) return socket_.write(from, size);
  const int sent = mbedtls_ssl_write(&session_, from, pending_ ? pending_ : size);
  if (sent > 0) {
    pending_ = 0;
    return sent;
  }
  if (!again(sent)) return -1;
  if (!pending_) pending_ = size;
  return 0;
}

void TlsConnection::close() {
  socket_.close();
  stage_ = Stage::closed;
  has_pin_ = false;
  pending_ = 0;
  if (!has_session_) return;
  has_session_ = false;
  mbedtls_ssl_free(&session_);
  mbedtls_ssl_config_free(&config_);
  mbedtls_ssl_init(&session_);
  mbedtls_ssl_config_init(&config_);
}

}  // namespace camproxy
