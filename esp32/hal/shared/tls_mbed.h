// TLS 1.2 by mbedTLS, the same source on the board and on a host; and plain TCP where a server was paired so.
#pragma once
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include "net_posix.h"

namespace camproxy {

class TlsConnection final : public Connection {
 public:
  // `authority` is a PEM that stays, or null: whom to believe where no pin is known. That needs the time of day.
  explicit TlsConnection(Board& board, const char* authority = nullptr);
  ~TlsConnection();
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  void open(const Target& target) override;
  // The server has been recognized, or refused, before it is `ready`: not a byte of ours goes out earlier.
  Progress progress() override;
  int read(uint8_t* to, size_t room) override;
  int write(const uint8_t* from, size_t size) override;
  void close() override;
  const char* problem() const override { return problem_; }
  const uint8_t* peer_pin() const override { return has_pin_ ? pin_ : nullptr; }

 private:
  enum class Stage : uint8_t { closed, connecting, shaking_hands, ready };
  bool prepare(const Target& target);
  bool recognize();
  Progress fail(const char* why);

  Board& board_;
  const char* authority_;
  TcpSocket socket_;
  Stage stage_ = Stage::closed;
  bool tls_ = false;
  bool has_pin_ = false;
  bool has_session_ = false;
  bool seeded_ = false;
  Trust trust_;
  uint8_t pin_[kHashSize] = {};
  const char* problem_ = "";
  size_t pending_ = 0;  // mbedTLS wants a write that did not go through again, with the same size
  mbedtls_entropy_context entropy_;
  mbedtls_ctr_drbg_context random_;
  mbedtls_x509_crt authorities_;
  mbedtls_ssl_config config_;
  mbedtls_ssl_context session_;
};

}  // namespace camproxy
