"""Refusals: what it means when something on the way says no, and what to do."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping

import websocket
from cryptography import x509

from camproxy.certificates import spki_pin
from camproxy.clock import iso
from camproxy.diagnostics.findings import Failed
from camproxy.links.accepted import NOT_AUTHORIZED, REFUSED, REPLACED

MISSING, INVALID = "Missing authorization", "Invalid token"
#: RFC 6455 section 7.1.5: there was none.
NO_CODE = 1005

GUIDE = "docs/remote-access.md"
UPGRADE_ADVICE = (
    "The proxy in front does not pass WebSockets on: nginx needs proxy_http_version 1.1 and the headers Upgrade and "
    f"Connection for /ws, others a switch; see {GUIDE}."
)

#: What a WebSocket is answered with in place of 101: what it means, what to do.
STATUSES = {
    200: ("with a page, as if no WebSocket had been asked for", UPGRADE_ADVICE),
    400: ("that it was asked for no WebSocket", UPGRADE_ADVICE),
    426: ("that it was asked for no WebSocket", UPGRADE_ADVICE),
    401: ("that somebody in front wants a password", "Take the proxy's own log-in off /ws: a device has only its key."),
    403: (
        "that this is forbidden",
        "Use https (wss) if this was plain http; else see what the proxy in front, or a web firewall, forbids.",
    ),
    404: (
        "that there is no such path",
        "Is this address CamProxy's, with the right port, and is its release new enough?",
    ),
    429: (
        "that it was tried too often, or that too many are connected from here",
        "Wait a minute, then try once more.",
    ),
    502: ("that the server behind it does not run", "Start CamProxy, and see whether the proxy knows its port."),
    503: ("that the server behind it is not ready", "Wait a moment; then see CamProxy's log."),
    504: ("that the server behind it does not answer", "See CamProxy's log, and whether the proxy knows its port."),
}

#: By code and reason as docs/protocol.md has them; a reason of None stands for all others.
CLOSINGS: dict[tuple[int, str | None], tuple[str, str]] = {
    (NOT_AUTHORIZED, MISSING): (
        "the key did not arrive",
        "The proxy in front takes the Authorization header away: pass it on (it is passed on unless it is set).",
    ),
    (NOT_AUTHORIZED, INVALID): (
        "the server does not know this key",
        "Copy it again, whole; was it rotated or removed? Else pair the device again, which gives it a new key.",
    ),
    (REFUSED, "Wrong device type"): (
        "this is the key of a device of the other kind",
        "Give the right --kind, or key.",
    ),
    (REFUSED, "Revoked"): (
        "this device was switched off, or its key revoked",
        "An admin can switch it on under Devices, or pair it again.",
    ),
    (REPLACED, None): (
        "another connection with the same key has taken over",
        "The device itself has come back, or two devices have one key: each needs its own.",
    ),
    (NOT_AUTHORIZED, None): ("the server does not take this key", "Pair the device again, which gives it a new key."),
    (REFUSED, None): ("the server forbids it", "See the server's log."),
    (1000, None): ("the server has ended the connection", "See the server's log."),
    (1001, None): ("the server is stopping", "Wait until it runs again."),
    (1009, None): ("a message was too large", "See the server's log."),
    (1011, None): ("the server had a fault", "See the server's log."),
    (1012, None): ("the server starts anew", "Wait until it runs again."),
}


def no_connection(error: OSError | None, port: int) -> Failed:
    if isinstance(error, ConnectionRefusedError):
        return Failed(
            f"the machine is there, but nothing listens on port {port}",
            "Start the server; see which port its log names; does the router forward the port to this machine?",
        )
    if isinstance(error, TimeoutError):
        return Failed(
            f"no answer from port {port}",
            "A firewall drops it, or the router does not forward it. Many routers do not lead from inside to their own "
            f"outer address: try from outside, such as a phone without Wi-Fi. Behind CGNAT see {GUIDE}.",
        )
    return Failed(
        f"there is no way to port {port} ({error and error.strerror})",
        "Check the address, this machine's network, and the router.",
    )


def no_tls(error: OSError, within: float) -> Failed:
    if isinstance(error, TimeoutError):
        return Failed(f"no TLS within {within:g} s", "Something else than https listens there: check the port.")
    reason = getattr(error, "reason", None) or ""
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return Failed(
            "what answers there speaks no TLS",
            "Use the port for https; or turn TLS on, in the proxy or by TLS=true; or is it http://?",
        )
    if "PROTOCOL" in reason:
        return Failed("what answers there speaks no TLS of 1.2 or later", "Bring the proxy's TLS up to date.")
    return Failed(
        f"TLS failed ({reason.replace('_', ' ').lower() or error.strerror or 'closed'})",
        "Check the port, and the log of what speaks TLS there.",
    )


def untrusted(
    error: ssl.SSLCertVerificationError, leaf: x509.Certificate, now: float, host: str, stops: bool
) -> Failed:
    """The certificate is not to be trusted, for the first of the reasons that OpenSSL found."""
    clock = f"Or is this machine's clock wrong? It says {iso(now)}."
    if error.verify_code in (62, 64):  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
        said = f"the certificate is for other names than {host}"
        advice = f"Use an address that is in it, or make one for it: scripts/make_certs.py {host}, or certbot."
    elif error.verify_code == 10:  # X509_V_ERR_CERT_HAS_EXPIRED
        ends = leaf.not_valid_after_utc
        said = f"the certificate has ended on {ends:%Y-%m-%d}"
        if ends.timestamp() > now:
            said = "a certificate of the chain has ended"
        advice = f"Renew it. {clock}"
    elif error.verify_code == 9:  # X509_V_ERR_CERT_NOT_YET_VALID
        said = f"the certificate is valid from {leaf.not_valid_before_utc:%Y-%m-%d} on only"
        advice = f"Wait, or renew it. {clock}"
    elif leaf.issuer == leaf.subject:
        said = "the certificate is self-signed, and this machine does not know it"
        advice = (
            f"Give devices its pin, {spki_pin(leaf)}, and here --pin, once scripts/make_certs.py --show on the server "
            "says the same. Browsers warn of it; for a name of its own the server can have one from Let's Encrypt."
        )
    else:
        said = f"the certificate's chain leads to no known authority ({error.verify_message})"
        advice = "Serve the whole chain (fullchain.pem), or give the authority's certificate by --ca."
    return Failed(said, advice, stops=stops)


def no_answer(error: Exception, within: float) -> Failed:
    if isinstance(error, TimeoutError):
        return Failed(f"no answer within {within:g} s", "Is this CamProxy's port? If so, see its log.")
    if isinstance(error, http.client.RemoteDisconnected | ConnectionError):
        return Failed("the connection was closed in place of an answer", "Is this CamProxy's port? If so, see its log.")
    return Failed(f"what answers there speaks no HTTP ({type(error).__name__})", "Check the port.")


def no_health(status: int, location: str, authority: str) -> Failed:
    """Something other than CamProxy's health came."""
    if location:
        return Failed(f"{authority} sends on to {location}", "Give that address in place of this one.")
    if status in (502, 503, 504):
        meaning, advice = STATUSES[status]
        return Failed(f"the proxy answers {status}: {meaning}", advice)
    return Failed(
        f"something else than CamProxy answers (HTTP {status})", "Check the address, the port and the proxy's site."
    )


def no_upgrade(error: Exception, path: str, within: float, headers: Mapping[str, str]) -> Failed:
    """No WebSocket was opened; `headers` are those of the answer, if one came."""
    if location := headers.get("location"):
        return Failed(f"{path} sends on to {location}", "Give that address: devices follow nobody who sends them on.")
    if isinstance(error, websocket.WebSocketBadStatusException):
        status = error.status_code
        if location := (error.resp_headers or {}).get("location"):
            return Failed(
                f"{path} sends on to {location}", "Give that address: devices follow nobody who sends them on."
            )
        meaning, advice = STATUSES.get(
            status, ("something else than a WebSocket", "See the log of whatever answers there.")
        )
        return Failed(f"{path} is answered with {status}: {meaning}", advice)
    if isinstance(error, TimeoutError | websocket.WebSocketTimeoutException):
        return Failed(f"{path} got no answer within {within:g} s", UPGRADE_ADVICE)
    if isinstance(error, OSError | websocket.WebSocketConnectionClosedException):
        return Failed(f"{path} was closed in place of an answer", UPGRADE_ADVICE)
    return Failed(f"{path} was answered with what is no WebSocket ({error})", UPGRADE_ADVICE)


def close_of(data: bytes) -> tuple[int, str]:
    """Code and reason of a closing frame's payload."""
    if len(data) < 2:
        return NO_CODE, ""
    return int.from_bytes(data[:2], "big"), data[2:].decode(errors="replace")


def closing(code: int, reason: str) -> Failed:
    """A device's connection was closed."""
    said, advice = (
        CLOSINGS.get((code, reason)) or CLOSINGS.get((code, None)) or ("nobody says why", "See the server's log.")
    )
    shown = "without a code" if code == NO_CODE else f"with {code}" + (f" {reason!r}" if reason else "")
    return Failed(f"closed {shown}: {said}", advice)


def odd_probe(code: int, reason: str) -> Failed:
    """Without a key, something else came than 4001 `Missing authorization`."""
    if (code, reason) == (NOT_AUTHORIZED, INVALID):
        return Failed(
            "a WebSocket gets through, but with a key that nobody sent",
            "The proxy in front sets the Authorization header; it has to pass on that of the device.",
        )
    return Failed(
        f"a WebSocket was opened, and closed with {code} {reason!r} in place of {NOT_AUTHORIZED} {MISSING!r}",
        "Something else than CamProxy answers there, or a proxy that ends WebSockets by itself.",
    )


def cut(error: Exception, within: float) -> Failed:
    """A WebSocket was opened, and no closing came."""
    if isinstance(error, socket.timeout | websocket.WebSocketTimeoutException):
        return Failed(
            f"a WebSocket was opened, but then nothing was said for {within:g} s",
            "Something else than CamProxy answers there, or a proxy that holds messages back: turn its buffering off.",
        )
    return Failed(
        "a WebSocket was opened, and the connection then cut",
        "A proxy, firewall or virus scanner on the way does that; see the log of the proxy, and of CamProxy.",
    )
