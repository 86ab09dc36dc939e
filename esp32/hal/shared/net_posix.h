// BSD sockets, which lwIP has as well: the same source on the board and on a host. Nothing blocks but looking up a name.
#pragma once
#include "../hal.h"

namespace camproxy {

class TcpSocket {
 public:
  TcpSocket() = default;
  TcpSocket(const TcpSocket&) = delete;
  TcpSocket& operator=(const TcpSocket&) = delete;

  // Begin to connect; false when the name is unknown or there is no way.
  bool open(const char* host, uint16_t port);
  void adopt(int descriptor);
  Connection::Progress progress();
  int read(uint8_t* to, size_t room);
  int write(const uint8_t* from, size_t size);
  void close();
  bool is_open() const { return descriptor_ >= 0; }

 private:
  static bool look_up(const char* host, uint32_t& address);
  int descriptor_ = -1;
};

// What was accepted, or dialled without TLS.
class PlainConnection final : public Connection {
 public:
  void open(const Target& target) override;
  Progress progress() override { return socket.is_open() ? socket.progress() : Progress::failed; }
  int read(uint8_t* to, size_t room) override { return socket.read(to, room); }
  int write(const uint8_t* from, size_t size) override { return socket.write(from, size); }
  void close() override { socket.close(); }
  const char* problem() const override { return "it cannot be reached"; }
  const uint8_t* peer_pin() const override { return nullptr; }

  TcpSocket socket;
};

class PortListener final : public Listener {
 public:
  static constexpr uint8_t kSlots = 2;
  // With an `instead` it listens there, whichever port it is told.
  explicit PortListener(uint16_t instead = 0) : instead_(instead) {}
  bool listen(uint16_t port) override;
  Connection* accept(uint8_t slot) override;

 private:
  uint16_t instead_;
  int descriptor_ = -1;
  PlainConnection visitors_[kSlots];
};

class MulticastSocket final : public Multicast {
 public:
  // The address of the interface, in the network's order of bytes; 0 is whichever the system prefers.
  explicit MulticastSocket(uint32_t interface = 0) : interface_(interface) {}
  void use(uint32_t interface) { interface_ = interface; }
  bool join() override;
  void send(const uint8_t* data, size_t size) override;
  size_t receive(uint8_t* to, size_t room) override;

 private:
  uint32_t interface_;
  int descriptor_ = -1;
};

}  // namespace camproxy
