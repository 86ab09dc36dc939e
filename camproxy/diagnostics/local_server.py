"""The server on this machine: does it run, on which port, and for whom does it listen?"""

from __future__ import annotations

import ipaddress
from pathlib import Path

import psutil
from cryptography import x509

from camproxy.certificates import spki_pin
from camproxy.diagnostics.findings import Check, Failed, NotChecked
from camproxy.diagnostics.line import Line
from camproxy.settings import Settings

#: Whoever listens on this machine answers quickly. Seconds.
WITHIN = 3.0


class LocalServer:
    """As the settings have it. Not thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.port = settings.port
        #: Whether others come in by a proxy on this machine only; `bound` finds out.
        self.for_itself = False
        self.line = self.to(settings.port)

    def to(self, port: int) -> Line:
        settings = self._settings
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
        address = f"{'https' if settings.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
        return Line(address, pin=own_pin(settings), within=WITHIN)

    def checks(self) -> list[tuple[str, Check]]:
        return [
            ("Local port", self.answers),
            ("Bound addresses", self.bound),
            ("Local TLS", lambda: self.line.tls()),
            ("Local certificate", lambda: self.line.validity()),
            ("Local WebSocket", lambda: self.line.upgrade()),
        ]

    def answers(self) -> str:
        """On PORT, or on one of the next that the server takes when that is busy."""
        first: Failed | None = None
        for port in range(self._settings.port, min(self._settings.port + self._settings.port_range, 65_536)):
            line = self.to(port)
            try:
                line.reach()
                said = line.health()
            except Failed as failure:
                first = first or failure
                continue
            self.port, self.line = port, line
            if first:
                return f"{said}, on port {port}: PORT is {self._settings.port}, which something else has"
            return f"{said}, on port {port}"
        assert first, "there is at least one port"
        raise Failed(
            f"CamProxy does not answer on port {self._settings.port} ({first.said})",
            "Start it, and look into its log; if it runs with other settings, give these (ENV_FILE, PORT).",
        )

    def bound(self) -> str:
        try:
            connections = psutil.net_connections(kind="tcp")
        except (psutil.AccessDenied, OSError):
            raise NotChecked("this system tells it to its administrator only", "Run this with sudo.") from None
        ends = [found.laddr for found in connections if found.status == psutil.CONN_LISTEN and found.laddr]
        listening = {end.ip for end in ends if end.port == self.port}
        if not listening:
            raise NotChecked(f"nothing of this machine is seen to listen on port {self.port}")
        shown = ", ".join(sorted(listening))
        if any(not ipaddress.ip_address(address).is_loopback for address in listening):
            everybody = any(ipaddress.ip_address(address).is_unspecified for address in listening)
            return f"port {self.port} of {'every address of this machine' if everybody else shown}"
        self.for_itself = True
        if self._settings.trusted_proxies:
            return f"port {self.port} of {shown}: others come in by the proxy on this machine"
        raise Failed(
            f"port {self.port} of {shown}: no other machine can come in",
            "Put a proxy in front (sudo deploy/install.sh --nginx …); in a network that you trust, set HOST=0.0.0.0.",
            stops=False,
        )


def own_chain(settings: Settings) -> Path | None:
    """The file with the certificate of the server's own TLS."""
    if not settings.tls:
        return None
    chain, _ = settings.certificate_place
    return chain if chain.exists() else None


def own_pin(settings: Settings) -> str | None:
    """By which the server is known on this machine; its certificate need not be for 127.0.0.1."""
    if chain := own_chain(settings):
        try:
            return spki_pin(x509.load_pem_x509_certificate(chain.read_bytes()))
        except (OSError, ValueError):
            return None
    return None
