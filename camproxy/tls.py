"""TLS in front of the worker: each connection is deciphered here, and the worker sees a plain socket.

Python's TLS sockets cannot be read and written by two threads at once, and cannot be handed over; a WebSocket needs the
first, a viewer the second. So one event loop in a thread of its own does TLS for all, and passes the bytes on through
a socket pair: everything behind is as without TLS. It holds back little, so that a slow viewer still gets the newest
frame. docs/decisions/0013 says what was weighed.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable

from camproxy.certificates import Certificate
from camproxy.sockets import tune

log = logging.getLogger(__name__)

#: A connection has to say something, and then to agree upon TLS, within this time. Seconds.
HANDSHAKE_WITHIN = 10.0
#: How long the rest of an answer may take on its way to a client once the worker has closed. Seconds.
FLUSH_WITHIN = 5.0
#: How long the rest of everything may take when the server ends. Seconds.
END_WITHIN = 1.0
#: What is held of a stream here, and what the kernel holds between the worker and here, for a client that does not
#: take it: the less, the newer its next frame is. Bytes.
HOLD = 16 * 1024
#: The first byte of every TLS connection: a record of the handshake (RFC 8446 section 5.1).
HANDSHAKE = b"\x16"
PLAIN_HTTP = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
    b"This server speaks https: put https:// in front of its address.\n"
)

#: What becomes of a connection: its plain end, or None when no TLS was agreed upon.
Ready = Callable[[socket.socket | None], None]


class Half(asyncio.Protocol):
    """One side of a connection; what comes in here goes out at the other."""

    def __init__(self, open_: set[Half]) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Half | None = None
        self._open = open_

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._open.add(self)
        transport.set_write_buffer_limits(high=HOLD)

    def data_received(self, data: bytes) -> None:
        if self.other and self.other.transport and not self.other.transport.is_closing():
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        return False  # a half-closed connection is of no use to HTTP; the rest of what was written still goes out

    def pause_writing(self) -> None:
        if self.other and self.other.transport:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other and self.other.transport:
            self.other.transport.resume_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        self._open.discard(self)
        if self.other and self.other.transport and not self.other.transport.is_closing():
            transport = self.other.transport
            transport.close()
            asyncio.get_running_loop().call_later(FLUSH_WITHIN, transport.abort)


class TlsFront:
    """The event loop. `take` may be called from any thread; `ready` is called in the loop's."""

    def __init__(self, certificate: Certificate) -> None:
        self._certificate = certificate
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tls", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: set[Half] = set()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """The worker has closed its sides: let the rest go out, for a moment."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        self._thread.join(2 * END_WITHIN)

    def take(self, sock: socket.socket, ready: Ready) -> None:
        """Agree upon TLS with the client at `sock`."""
        self._loop.call_soon_threadsafe(self._begin, sock, ready)

    async def _end(self) -> None:
        until = self._loop.time() + END_WITHIN
        while self._open and self._loop.time() < until:
            await asyncio.sleep(0.01)
        self._loop.stop()

    def _begin(self, sock: socket.socket, ready: Ready) -> None:
        task = self._loop.create_task(self._serve(sock, ready))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, sock: socket.socket, ready: Ready) -> None:
        sock.setblocking(False)
        plain = None
        try:
            if await self._speaks_tls(sock):
                plain = await self._join(sock)
            else:
                sock.close()
        except (OSError, TimeoutError) as error:  # SSLError is an OSError
            log.debug("no TLS with a client: %s", error)
            sock.close()
        ready(plain)

    async def _speaks_tls(self, sock: socket.socket) -> bool:
        """Wait for the first byte, which stays where it is. Who speaks plain HTTP is told."""
        readable = asyncio.Event()
        self._loop.add_reader(sock, readable.set)
        try:
            async with asyncio.timeout(HANDSHAKE_WITHIN):
                await readable.wait()
        finally:
            self._loop.remove_reader(sock)
        first = sock.recv(1, socket.MSG_PEEK)
        if first and first != HANDSHAKE:
            sock.send(PLAIN_HTTP)
            sock.shutdown(socket.SHUT_WR)
            sock.recv(HOLD)  # unread, it would make the kernel reset the connection before the answer is there
        return first == HANDSHAKE

    async def _join(self, sock: socket.socket) -> socket.socket:
        tune(sock)
        outer, inner = Half(self._open), Half(self._open)
        outer.other, inner.other = inner, outer
        ours, plain = socket.socketpair()
        for end in (ours, plain):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, HOLD)
        # First the inner side, so that the first bytes have somewhere to go.
        transport, _ = await self._loop.connect_accepted_socket(lambda: inner, ours)
        try:
            await self._loop.connect_accepted_socket(
                lambda: outer,
                sock,
                ssl=self._certificate.context(),
                ssl_handshake_timeout=HANDSHAKE_WITHIN,
                ssl_shutdown_timeout=FLUSH_WITHIN,
            )
        except BaseException:
            transport.abort()
            plain.close()
            raise
        return plain
