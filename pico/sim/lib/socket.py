# socket as lwIP has it, over the sockets of the host.

import binascii
from errno import EAGAIN, EINPROGRESS, ENOMEM

import bridge
import heap

AF_INET = 2
SOCK_STREAM = 1
SOCK_DGRAM = 2
SOL_SOCKET = 1
SO_REUSEADDR = 4
IPPROTO_IP = 0
IPPROTO_TCP = 6
IP_ADD_MEMBERSHIP = 1024
TCP_NODELAY = 1

#: Those that are open, by number.
sockets = {}


def getaddrinfo(host, port, af=0, type=0, proto=0, flags=0):
    if not bridge.wifi_is_up():
        bridge.hang()  # as the chip's does without an address
    found = bridge.look_up(host)
    if not found:
        raise OSError(-2)
    return [(AF_INET, SOCK_STREAM, 0, "", (found, port))]


class socket:
    def __init__(self, af=AF_INET, type=SOCK_STREAM, proto=IPPROTO_TCP):
        self.is_stream = type == SOCK_STREAM
        self.number = bridge.sockets.stream() if self.is_stream else bridge.sockets.datagrams()
        if not self.number:
            raise OSError(ENOMEM)
        self.wire = bridge.sockets.get(self.number)
        self.bound = False
        sockets[self.number] = self

    def setblocking(self, flag):
        if flag:
            raise NotImplementedError("the simulator's sockets do not block")

    def setsockopt(self, level, option, value):
        if option == IP_ADD_MEMBERSHIP:
            self.wire.join(".".join(str(part) for part in value[:4]))

    def connect(self, address):
        self.wire.connect(*address)
        raise OSError(EINPROGRESS)

    def bind(self, address):
        self.bound = True
        self.wire.bind(address[1])

    def is_ready(self, to_write):
        return self.wire is None or (self.wire.writable if to_write else self.wire.readable)

    def _check(self):
        heap.look()
        if self.wire is None:
            raise OSError(9)  # EBADF
        if self.wire.error:
            raise OSError(self.wire.error)

    def read(self, count):
        self._check()
        got = self.wire.read(count)
        return None if got is None else binascii.a2b_base64(got)

    def readinto(self, buf):
        got = self.read(len(buf))
        if got is None:
            return None
        buf[: len(got)] = got
        return len(got)

    def write(self, data):
        self._check()
        taken = self.wire.write(binascii.b2a_base64(data).decode())
        return None if taken < 0 else taken

    def sendto(self, data, address):
        if not self.bound:
            self.bind(("0.0.0.0", 0))
        self.wire.send(binascii.b2a_base64(data).decode(), address[0], address[1])
        return len(data)

    def recvfrom(self, count):
        got = self.wire.receive()
        if got is None:
            raise OSError(EAGAIN)
        import json

        data, host, port = json.loads(got)
        return binascii.a2b_base64(data)[:count], (host, port)

    def close(self):
        if self.wire is not None:
            del sockets[self.number]
            bridge.sockets.close(self.number)
            self.wire = None
