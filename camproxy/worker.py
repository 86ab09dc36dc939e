"""gunicorn's worker and log, as this server needs them."""

from __future__ import annotations

import errno
import gc
import io
import logging
import signal
import socket
import sys
import threading
import time
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.http.errors import NoMoreData
from gunicorn.http.message import Request
from gunicorn.util import close_graceful
from gunicorn.workers.gthread import TConn, ThreadWorker

from camproxy.addresses import Network, client, within
from camproxy.certificates import Certificate
from camproxy.errors import CannotStart
from camproxy.tls import TlsFront

log = logging.getLogger(__name__)

#: A request has to be there as a whole within this time of its first byte. Seconds.
REQUEST_WITHIN = 10.0
#: How long a client has to take the end of an answer and close its side. Seconds.
CLOSE_WITHIN = 1.0
#: How long it may go on sending a body that was refused, until it looks at the answer. Seconds.
REFUSED_WITHIN = 2.0


class Worker(ThreadWorker):
    """A gthread worker whose threads nobody can hold by being slow, and that ends cleanly.

    - A connection that says nothing costs no thread and is closed soon; a request that drips in is ended.
    - One address cannot have all connections, unless it is that of a trusted proxy.
    - It stops the application's parts as soon as it is told to end. gunicorn waits for open connections first and would
      tell the application afterwards; but a WebSocket is an open connection until the application ends it. SIGINT
      (Ctrl-C) and SIGQUIT end it just as cleanly as SIGTERM.
    """

    #: Until gunicorn has loaded the application.
    wsgi: Any = None
    ending = False

    #: Set by gunicorn.conf.py. Bodies up to this size are received before a handler runs.
    body_bytes = 65_536
    connections_per_address = 100
    trusted_proxies: tuple[Network, ...] = ()
    #: With it the server speaks TLS itself.
    certificate: Certificate | None = None

    def init_process(self) -> None:
        self._deadlines: dict[TConn, float] = {}
        self._refused: set[TConn] = set()
        self._by_address: dict[str, set[socket.socket]] = {}
        self._tls = TlsFront(self.certificate) if self.certificate else None
        if self._tls:
            self._tls.start()
        super().init_process()

    def load_wsgi(self) -> None:
        """Start the application. What keeps it from starting is one sentence, and the master ends too."""
        gc.disable()  # there is much to load, and nothing of it goes again
        try:
            super().load_wsgi()
            gc.enable()
        except CannotStart as error:
            log.critical("CamProxy cannot start: %s", error)
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    # Connections; in the main thread

    def accept(self, listener: socket.socket) -> None:
        if self._tls is None:
            super().accept(listener)
            return
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                raise
            return
        if not self._has_room_for(sock, address):
            sock.close()
            return
        self.nr_conns += 1
        self._tls.take(sock, partial(self.method_queue.defer, self._enter, address, listener.getsockname(), sock))

    def _enter(self, address: Any, server: Any, sock: socket.socket, plain: socket.socket | None) -> None:
        """A client has agreed upon TLS, or has not."""
        its = self._by_address.setdefault(client(host_of(address)), set())
        its.discard(sock)
        if plain is None:
            self.nr_conns -= 1
        else:
            its.add(plain)
            self._await_request(TConn(self.cfg, plain, address, server))

    def enqueue_req(self, conn: TConn) -> None:
        """A new connection waits in the poller, not in a thread, until it has something to say."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        if not self._has_room_for(conn.sock, conn.client):
            self.nr_conns -= 1
            conn.close()
            return
        self._await_request(conn)

    def _await_request(self, conn: TConn) -> None:
        conn.sock.setblocking(False)
        conn.set_timeout()
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def _has_room_for(self, sock: socket.socket, client_address: Any) -> bool:
        address = host_of(client_address)
        its = {other for other in self._by_address.get(client(address), ()) if is_open(other)}
        self._by_address[client(address)] = its
        if len(its) >= self.connections_per_address and not within(address, self.trusted_proxies):
            log.warning("%s has %d connections; another is refused", address, len(its))
            return False
        its.add(sock)
        return True

    def murder_pending(self) -> None:
        """Once a second: end what has said nothing, and requests that drip in."""
        super().murder_pending()
        now = time.monotonic()
        for conn, deadline in self._deadlines.copy().items():
            if now > deadline:
                log.warning("a request of %s did not come in %g s", host_of(conn.client), REQUEST_WITHIN)
                self._deadlines.pop(conn, None)
                try:
                    conn.sock.shutdown(socket.SHUT_RDWR)  # its thread reads the end
                except OSError:
                    log.debug("it has ended by itself")
        for address in [address for address, its in self._by_address.items() if not any(map(is_open, its))]:
            del self._by_address[address]

    # Requests; in a thread of the pool

    def handle(self, conn: TConn) -> Any:
        self._deadlines[conn] = time.monotonic() + REQUEST_WITHIN
        try:
            keep = super().handle(conn)
        finally:
            self._deadlines.pop(conn, None)
        if conn in self._refused:
            self._refused.discard(conn)
            keep = False
            # Closed while something is unread, or still sent, the connection would be reset, and the answer lost.
            drain(conn.sock, REFUSED_WITHIN)
        if keep is False:
            # This waits for the client to close its side; gunicorn would do it in its main thread, and all would wait.
            close_graceful(conn.sock, timeout=CLOSE_WITHIN)
            conn.close = lambda graceful=False: None  # type: ignore[method-assign]
        return keep

    def handle_request(self, req: Request, conn: TConn) -> bool:
        if not self._receive(req):
            self._refused.add(conn)
            req.force_close()  # what is left of it on the line is no next request
        self._deadlines.pop(conn, None)
        return bool(super().handle_request(req, conn))

    def _receive(self, req: Request) -> bool:
        """Take in the body while the deadline holds. False: it is larger, and left to the application."""
        length = next((int(value) for name, value in req.headers if name == "CONTENT-LENGTH"), None)
        if length is not None and length > self.body_bytes:
            return False
        assert req.body is not None
        body = req.body.read(self.body_bytes + 1)
        if length is not None and len(body) < length:
            raise NoMoreData(body)
        req.body = io.BytesIO(body)  # type: ignore[assignment]
        return len(body) <= self.body_bytes

    # The end

    def run(self) -> None:
        try:
            super().run()
        finally:
            # Told to end while the application was being loaded, there was nothing to stop yet.
            self.stop_parts()
            if self._tls:
                self._tls.stop()

    def is_parent_alive(self) -> bool:
        if super().is_parent_alive():
            return True
        self.handle_exit(signal.SIGTERM, None)  # nobody is left who would say so
        return True

    def handle_exit(self, sig: int, frame: Any) -> None:
        if self.alive and not self.ending:
            self.ending = True
            # Not in the signal handler itself, which has interrupted who knows what.
            threading.Thread(target=self.end, args=(sig,), name="stop").start()

    def end(self, sig: int) -> None:
        """Stop the parts, then the serving: who polls has to come once more to be told."""
        self.stop_parts()
        super().handle_exit(sig, None)

    handle_quit = handle_exit

    def stop_parts(self) -> None:
        extensions = getattr(self.wsgi, "extensions", {})
        if "camproxy" in extensions:
            extensions["camproxy"].runtime.stop()


def host_of(address: Any) -> str:
    return str(address[0]) if isinstance(address, tuple) else ""


def drain(sock: socket.socket, within: float) -> None:
    """Read on until the other side has closed, for so many seconds at most."""
    until = time.monotonic() + within
    try:
        while (left := until - time.monotonic()) > 0:
            sock.settimeout(left)
            if not sock.recv(65_536):
                return
    except OSError:
        log.debug("it has ended by itself, or goes on for too long")


def is_open(sock: socket.socket) -> bool:
    return sock.fileno() >= 0


class WorkerLog(Logger):
    """gunicorn's messages go the way of all others: one format, one file, secrets struck out."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
