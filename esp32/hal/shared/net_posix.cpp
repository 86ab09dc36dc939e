#include "net_posix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0  // lwIP knows no signals
#endif

namespace camproxy {
namespace {

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

bool prepare(int descriptor) {
  const int flags = fcntl(descriptor, F_GETFL, 0);
  return flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0;
}

void keep_to_itself(int descriptor) {
#ifdef FD_CLOEXEC
  fcntl(descriptor, F_SETFD, FD_CLOEXEC);  // the simulator starts anew by exec, as a board by reset
#else
  (void)descriptor;
#endif
}

}  // namespace

bool TcpSocket::look_up(const char* host, uint32_t& address) {
  in_addr literal{};
  if (inet_pton(AF_INET, host, &literal) == 1) {
    address = literal.s_addr;
    return true;
  }
  // Remembered, as a lookup may take seconds; asked again at each connection, as an address may change.
  static char known_name[64];
  static uint32_t known_address;
  addrinfo hints{};
  hints.ai_family = AF_INET;  // lwIP without IPv6 waits in vain for an AAAA
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host, nullptr, &hints, &found) == 0 && found) {
    address = reinterpret_cast<sockaddr_in*>(found->ai_addr)->sin_addr.s_addr;
    strncpy(known_name, host, sizeof known_name - 1);
    known_address = address;
    freeaddrinfo(found);
    return true;
  }
  if (known_address == 0 || strcmp(known_name, host) != 0) return false;
  address = known_address;
  return true;
}

bool TcpSocket::open(const char* host, uint16_t port) {
  close();
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  uint32_t address = 0;
  if (!look_up(host, address)) return false;
  to.sin_addr.s_addr = address;
  descriptor_ = socket(AF_INET, SOCK_STREAM, 0);
  if (descriptor_ < 0) return false;
  adopt(descriptor_);
  if (connect(descriptor_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 || errno == EINPROGRESS) return true;
  close();
  return false;
}

void TcpSocket::adopt(int descriptor) {
  descriptor_ = descriptor;
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  keep_to_itself(descriptor);
  prepare(descriptor);
}

Connection::Progress TcpSocket::progress() {
  fd_set writable;
  FD_ZERO(&writable);
  FD_SET(descriptor_, &writable);
  timeval now{};
  if (select(descriptor_ + 1, nullptr, &writable, nullptr, &now) <= 0) return Connection::Progress::working;
  int problem = 0;
  socklen_t size = sizeof problem;
  if (getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &problem, &size) != 0 || problem != 0)
    return Connection::Progress::failed;
  return Connection::Progress::ready;
}

int TcpSocket::read(uint8_t* to, size_t room) {
  if (descriptor_ < 0) return -1;
  const auto got = recv(descriptor_, to, room, 0);
  if (got > 0) return static_cast<int>(got);
  return got < 0 && would_block() ? 0 : -1;
}

int TcpSocket::write(const uint8_t* from, size_t size) {
  if (descriptor_ < 0) return -1;
  const auto sent = ::send(descriptor_, from, size, MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<int>(sent);
  return would_block() ? 0 : -1;
}

void TcpSocket::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

void PlainConnection::open(const Target& target) { socket.open(target.host, target.port); }

bool PortListener::listen(uint16_t port) {
  descriptor_ = socket(AF_INET, SOCK_STREAM, 0);
  if (descriptor_ < 0) return false;
  const int on = 1;
  setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  keep_to_itself(descriptor_);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_port = htons(instead_ ? instead_ : port);
  own.sin_addr.s_addr = htonl(instead_ ? INADDR_LOOPBACK : INADDR_ANY);
  if (bind(descriptor_, reinterpret_cast<sockaddr*>(&own), sizeof own) == 0 && ::listen(descriptor_, kSlots) == 0 &&
      prepare(descriptor_))
    return true;
  ::close(descriptor_);
  descriptor_ = -1;
  return false;
}

Connection* PortListener::accept(uint8_t slot) {
  if (descriptor_ < 0 || slot >= kSlots) return nullptr;
  const int descriptor = ::accept(descriptor_, nullptr, nullptr);
  if (descriptor < 0) return nullptr;
  visitors_[slot].socket.adopt(descriptor);
  return &visitors_[slot];
}

constexpr uint32_t kGroup = 0xE00000FB;  // 224.0.0.251
constexpr uint16_t kPort = 5353;

bool MulticastSocket::join() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = socket(AF_INET, SOCK_DGRAM, 0);
  if (descriptor_ < 0) return false;
  keep_to_itself(descriptor_);
  const int on = 1;
  setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
#ifdef SO_REUSEPORT
  setsockopt(descriptor_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);  // others on a host listen there too
#endif
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_port = htons(kPort);
  own.sin_addr.s_addr = htonl(INADDR_ANY);
  ip_mreq group{};
  group.imr_multiaddr.s_addr = htonl(kGroup);
  group.imr_interface.s_addr = interface_;
  in_addr from{};
  from.s_addr = interface_;
  const uint8_t hops = 255;  // RFC 6762, section 11
  const bool joined = bind(descriptor_, reinterpret_cast<sockaddr*>(&own), sizeof own) == 0 &&
                      setsockopt(descriptor_, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) == 0 &&
                      setsockopt(descriptor_, IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof from) == 0 &&
                      setsockopt(descriptor_, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof hops) == 0 &&
                      prepare(descriptor_);
  if (!joined) {
    ::close(descriptor_);
    descriptor_ = -1;
  }
  return joined;
}

void MulticastSocket::send(const uint8_t* data, size_t size) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(kPort);
  to.sin_addr.s_addr = htonl(kGroup);
  // What gets lost is said again.
  (void)!sendto(descriptor_, data, size, MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&to), sizeof to);
}

size_t MulticastSocket::receive(uint8_t* to, size_t room) {
  const auto got = recv(descriptor_, to, room, 0);
  return got > 0 ? static_cast<size_t>(got) : 0;
}

}  // namespace camproxy
