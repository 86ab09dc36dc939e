# asyncio's streams, which the interpreter for the web has not: as lazy, and as awkward, as those of the chip.

import asyncio.core as core
import socket
import ssl as _ssl
from errno import EINPROGRESS

_waiting = []  # [task, number of the socket, whether to write]


class _Queue:
    """Who waits for which socket. Whoever is cancelled is taken out by `remove`."""

    def remove(self, task):
        for entry in _waiting:
            if entry[0] is task:
                _waiting.remove(entry)
                return


_queue = _Queue()


def _wait(sock, to_write):
    if sock.is_ready(to_write):
        core._task_queue.push(core.cur_task)
    else:
        _waiting.append([core.cur_task, sock.number, to_write])
        core.cur_task.data = _queue


def changed(number):
    """From the event loop of the host: that socket may have become ready."""
    sock = socket.sockets.get(number)
    for entry in _waiting[:]:
        if entry[1] == number and (sock is None or sock.is_ready(entry[2])):
            _waiting.remove(entry)
            core._task_queue.push(entry[0])
            core._schedule_run_iter(0)


class Stream:
    """close() does nothing, wait_closed() closes: who forgets the latter leaks a socket. As upstream."""

    def __init__(self, s, e={}):
        self.s = s
        self.e = e
        self.out_buf = b""

    def get_extra_info(self, v):
        return self.e[v]

    def close(self):
        pass

    async def wait_closed(self):
        self.s.close()

    def read(self, n=-1):
        got = b""
        while True:
            yield _wait(self.s, False)
            part = self.s.read(n)
            if part is None:
                continue
            if n >= 0:
                return part
            if not part:
                return got
            got += part

    def readinto(self, buf):
        # May give None: what made the socket readable need not have been data.
        yield _wait(self.s, False)
        return self.s.readinto(buf)

    def readexactly(self, n):
        got = b""
        while n:
            yield _wait(self.s, False)
            part = self.s.read(n)
            if part is None:
                continue
            if not part:
                raise EOFError
            got += part
            n -= len(part)
        return got

    def write(self, buf):
        if not self.out_buf:
            taken = self.s.write(buf)
            if taken == len(buf):
                return
            if taken is not None:
                buf = buf[taken:]
        self.out_buf += buf

    def drain(self):
        if not self.out_buf:
            return (yield from core.sleep_ms(0))
        rest = memoryview(self.out_buf)
        while len(rest):
            yield _wait(self.s, True)
            taken = self.s.write(rest)
            if taken is not None:
                rest = rest[taken:]
        self.out_buf = b""


_given_up = []


def collect():
    """The chip's sockets have a finaliser. Only those that nobody could have closed are left to it here."""
    while _given_up:
        _given_up.pop().close()


def open_connection(host, port, ssl=None, server_hostname=None):
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
    sock = socket.socket(family, kind, protocol)
    sock.setblocking(False)
    try:
        sock.connect(address)
    except OSError as error:
        if error.errno != EINPROGRESS:
            raise
    if ssl:
        context = _ssl.SSLContext(_ssl.PROTOCOL_TLS_CLIENT) if ssl is True else ssl
        sock = context.wrap_socket(sock, server_hostname=server_hostname or host, do_handshake_on_connect=False)
        sock.setblocking(False)
    stream = Stream(sock)
    try:
        yield _wait(sock, True)
    except BaseException:
        _given_up.append(sock)
        raise
    return stream, stream
