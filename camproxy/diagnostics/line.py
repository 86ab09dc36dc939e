"""Line: the way to one address, looked at step by step, as a device goes it."""

from __future__ import annotations

import http.client
import ipaddress
import json
import queue
import socket
import ssl
import threading
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import websocket
from cryptography import x509

from camproxy.certificates import days_left, ending, fingerprint, spki_pin
from camproxy.clock import Clock, SystemClock
from camproxy.diagnostics import refusals
from camproxy.diagnostics.findings import Failed, NotChecked
from camproxy.links.accepted import NOT_AUTHORIZED

#: Further apart than this, and certificates, tokens and times in recordings are in doubt. Seconds.
CLOCKS_APART = 60.0
#: More than /health ever answers. Bytes.
LARGEST_ANSWER = 100_000
SCHEMES = {"http": (False, 80), "ws": (False, 80), "https": (True, 443), "wss": (True, 443)}


class Line:
    """To a server's address: http, https, ws or wss, with a path in front if a proxy wants one.

    `pin` (sha256//…) is what a board checks; without it the certificate has to be signed by an authority that this
    machine or the file `ca` (PEM) knows. When `strict`, nothing is sent to a server that did not prove itself. The
    checks are to be called in the order in which they stand here; each says what is well, or raises Failed or
    NotChecked. Raises ValueError for what is no address. Not thread-safe.
    """

    def __init__(
        self,
        address: str,
        *,
        pin: str | None = None,
        ca: Path | None = None,
        strict: bool = True,
        within: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        parts = urlsplit(address if "://" in address else f"wss://{address}")
        if parts.scheme not in SCHEMES or not parts.hostname or parts.username is not None or parts.query:
            raise ValueError(f"{address!r} is no address, such as https://cam.example.org or http://192.168.1.5:5000")
        self.secure, standard = SCHEMES[parts.scheme]
        self.host: str = parts.hostname
        self.port = parts.port or standard
        self.within = within
        #: The server's certificate, once it was seen.
        self.leaf: x509.Certificate | None = None
        self._root = parts.path.rstrip("/")
        self.pin = pin
        self.ca = ca
        self._strict = strict
        self._clock = clock or SystemClock()
        self._addresses: list[tuple[Any, ...]] = []
        self._proven = False
        self._date: str | None = None

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port in (80, 443) else f"{host}:{self.port}"

    # Checks

    def name(self) -> str:
        """Name resolution."""
        self._addresses = self._looked_up()
        found = list(dict.fromkeys(str(entry[4][0]) for entry in self._addresses))
        outside = any(ipaddress.ip_address(address.partition("%")[0]).is_global for address in found)
        return f"{self.host} is {', '.join(found)}" + ("" if outside else ", which is no address of the internet")

    def reach(self) -> str:
        """Whether the port takes connections."""
        with self._connected() as sock:
            return f"{sock.getpeername()[0]} takes connections on port {self.port}"

    def tls(self) -> str:
        """The certificate's chain and name, or its pin."""
        if not self.secure:
            raise NotChecked(
                "this address is plain http", "From outside use https, else everybody on the way reads along."
            )
        with self._agreed(self._trusting()) as sock:
            self.leaf = leaf_of(sock)
            version = sock.version()
        if self.pin and spki_pin(self.leaf) != self.pin:
            raise Failed(
                f"the server's key is another one: {spki_pin(self.leaf)}",
                "Compare it with what scripts/make_certs.py --show says on the server. If that is the same, give the "
                "device this pin; if not, somebody sits in between.",
                stops=self._strict,
            )
        self._proven = True
        how = "its pin is right" if self.pin else "signed by an authority that this machine knows"
        if not self.pin and self.ca:
            how = "signed by an authority that this machine or the given file knows"
        return f"{version}, {how}; pin {spki_pin(self.leaf)}"

    def validity(self) -> str:
        """How many days the certificate is still valid."""
        if self.leaf is None:
            raise NotChecked("there is no certificate to look at")
        now = self._clock.wall()
        if soon := ending(self.leaf, now):
            raise Failed(f"the certificate {soon}", "Renew it: docs/operations.md, TLS and certificates.", stops=False)
        return f"the certificate is valid for {days_left(self.leaf, now)} more days ({fingerprint(self.leaf)})"

    def health(self) -> str:
        """Whether it is CamProxy that answers."""
        status, headers, body = self._get("/health")
        self._date = headers.get("Date")
        try:
            word = json.loads(body)["status"]
        except (ValueError, KeyError, TypeError):
            raise refusals.no_health(status, headers.get("Location", ""), self.authority) from None
        return f"CamProxy answers, and is {word}"

    def clock(self) -> str:
        """This machine's clock beside the server's, as its answer was dated. After `health`."""
        try:
            theirs = parsedate_to_datetime(self._date or "").timestamp()
        except ValueError:
            raise NotChecked("the answer has no date") from None
        apart = self._clock.wall() - theirs
        if abs(apart) > CLOCKS_APART:
            raise Failed(
                f"this machine's clock is {in_words(abs(apart))} {'ahead of' if apart > 0 else 'behind'} the server's",
                "Set the wrong one of the two: timedatectl set-ntp true (Windows: w32tm /resync).",
                stops=False,
            )
        return f"this machine's clock and the server's are less than {CLOCKS_APART:g} s apart"

    def upgrade(self) -> str:
        """Whether a WebSocket gets through: without a key the server says so and closes, which needs no secret."""
        opened = self.dial("/ws/pico", {})
        try:
            code, reason = self._closed_with(opened)
        finally:
            opened.shutdown()
        if (code, reason) != (NOT_AUTHORIZED, refusals.MISSING):
            raise refusals.odd_probe(code, reason)
        return f"a WebSocket gets through (and is closed with {code} {reason}, as it has no key)"

    # What checks and devices are made of

    def dial(self, path: str, headers: Mapping[str, str]) -> websocket.WebSocket:
        """An open WebSocket. Raises Failed."""
        sock = self._opened()
        url = f"{'wss' if self.secure else 'ws'}://{self.authority}{self._root}{path}"
        opened = websocket.WebSocket()
        try:
            opened.connect(
                url,
                timeout=self.within,
                socket=sock,
                header=dict(headers),
                redirect_limit=0,  # a key does not go wherever somebody says
                suppress_origin=True,
            )
        except (OSError, ValueError, websocket.WebSocketException) as error:
            sock.close()
            answer = opened.handshake_response
            raise refusals.no_upgrade(error, path, self.within, (answer and answer.headers) or {}) from error
        return opened

    def _looked_up(self) -> list[tuple[Any, ...]]:
        found: queue.Queue[Any] = queue.Queue()

        def look() -> None:
            try:
                found.put(socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError) as error:
                found.put(error)

        # Asking has no time limit of its own.
        threading.Thread(target=look, name="lookup", daemon=True).start()
        try:
            answer = found.get(timeout=self.within)
        except queue.Empty:
            answer = TimeoutError(f"no answer within {self.within:g} s")
        if isinstance(answer, Exception):
            raise Failed(
                f"{self.host} cannot be looked up ({getattr(answer, 'strerror', None) or answer})",
                "Check the spelling, the DNS entry at your provider (A, AAAA) or your dynamic DNS, and this machine's "
                "own connection.",
            )
        return list(answer)

    def _connected(self) -> socket.socket:
        refused: OSError | None = None
        for family, kind, protocol, _, address in self._addresses or self._looked_up():
            sock = socket.socket(family, kind, protocol)
            sock.settimeout(self.within)
            try:
                sock.connect(address)
            except OSError as error:
                sock.close()
                refused = error
            else:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return sock
        raise refusals.no_connection(refused, self.port)

    def _trusting(self) -> ssl.SSLContext:
        """How `tls` looks: as a board does with a pin, as a browser does without."""
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.pin:
            return blind(context)
        if self.ca:
            try:
                context.load_verify_locations(self.ca)
            except OSError as error:  # SSLError is one
                raise Failed(f"{self.ca} holds no certificate ({error})", "Give a file in PEM form.") from None
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the file may hold the server's own certificate
        return context

    def _agreed(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        sock = self._connected()
        try:
            return context.wrap_socket(sock, server_hostname=self.host)
        except ssl.SSLCertVerificationError as error:
            sock.close()
            with self._agreed(blind(context)) as seen:
                self.leaf = leaf_of(seen)
            raise refusals.untrusted(error, self.leaf, self._clock.wall(), self.host, stops=self._strict) from error
        except OSError as error:  # SSLError is one
            sock.close()
            raise refusals.no_tls(error, self.within) from error

    def _opened(self) -> socket.socket:
        """A connection on which something may be sent."""
        if not self.secure:
            return self._connected()
        if self._strict and not self._proven:
            self.tls()
        context = self._trusting()
        sock = self._agreed(context if self._proven else blind(context))
        if self._strict and self.pin and spki_pin(leaf_of(sock)) != self.pin:
            sock.close()
            raise Failed("the server's key has changed in between", "Try again.")
        return sock

    def _get(self, path: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        sock = self._opened()
        connection = http.client.HTTPConnection(self.authority)
        connection.sock = sock
        try:
            connection.request("GET", self._root + path, headers={"Accept": "application/json", "Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read(LARGEST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            raise refusals.no_answer(error, self.within) from error
        finally:
            connection.close()
            sock.close()

    def _closed_with(self, opened: websocket.WebSocket) -> tuple[int, str]:
        try:
            while True:
                opcode, data = opened.recv_data(control_frame=True)
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    return refusals.close_of(data)
        except (OSError, websocket.WebSocketException) as error:
            raise refusals.cut(error, self.within) from error


def blind(context: ssl.SSLContext) -> ssl.SSLContext:
    """Trusts everybody: the pin is looked at afterwards, or nothing secret is sent."""
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def leaf_of(sock: ssl.SSLSocket) -> x509.Certificate:
    served = sock.getpeercert(binary_form=True)
    try:
        return x509.load_der_x509_certificate(served or b"")
    except ValueError as error:
        raise Failed(f"the certificate cannot be read ({error})", "Give the server another one.") from None


def in_words(seconds: float) -> str:
    for size, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} seconds"
