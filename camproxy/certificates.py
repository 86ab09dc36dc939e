"""The certificate with which the server speaks TLS itself, and a self-signed one when nobody brought any.

What a board keeps of it is the pin of its key, which stays the same when the certificate is made anew for that key.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import os
import re
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from camproxy.errors import BadSetting
from camproxy.files import belong_to, settle

log = logging.getLogger(__name__)

#: A board is told this certificate once; nobody comes by each year to tell it another.
VALID = timedelta(days=3650)


#: certbot renews 30 days before the end: with so few left, renewing has failed or nobody thought of it.
WARN_WITHIN = timedelta(days=21)
#: Stands in what we have made, and nowhere else: how `scripts/make_certs.py` knows what it may replace.
MAKER = "CamProxy, self-signed"


class Certificate:
    """A certificate with its chain and its key, read again when they have been renewed. Thread-safe."""

    def __init__(self, chain: Path, key: Path) -> None:
        self.chain = chain
        self.key = key
        self._lock = threading.Lock()
        self._signature = self._look()
        self._context, self._leaf = self._read()

    def context(self) -> ssl.SSLContext:
        """For one more connection."""
        with self._lock:
            self._renew()
            return self._context

    @property
    def leaf(self) -> x509.Certificate:
        """The server's own, of the chain that is in use."""
        with self._lock:
            self._renew()
            return self._leaf

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.leaf)

    @property
    def spki_pin(self) -> str:
        return spki_pin(self.leaf)

    def _renew(self) -> None:
        if (now := self._look()) == self._signature:
            return
        self._signature = now
        try:
            self._context, self._leaf = self._read()
            log.info("the certificate has been renewed: %s", self.chain)
        except BadSetting as error:
            log.error("%s; the one before stays in use", error)

    def _look(self) -> tuple[object, ...]:
        found: list[object] = []
        for file in (self.chain, self.key):
            try:
                status = file.stat()
                found += [status.st_mtime_ns, status.st_ino, status.st_size]
            except OSError:
                found.append(None)
        return tuple(found)

    def _read(self) -> tuple[ssl.SSLContext, x509.Certificate]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            # The empty password: without one, OpenSSL would ask the terminal for that of an encrypted key.
            context.load_cert_chain(self.chain, self.key, password="")
            leaf = x509.load_pem_x509_certificate(self.chain.read_bytes())
        except ssl.SSLError as error:
            wrong = "do not belong together" if error.reason == "KEY_VALUES_MISMATCH" else "are not both PEM"
            raise BadSetting(f"the certificate {self.chain} and the key {self.key} {wrong}") from None
        except ValueError as error:  # OpenSSL took it, our library is stricter
            raise BadSetting(f"the certificate {self.chain} cannot be used: {error}") from None
        except OSError as error:
            raise BadSetting(f"the certificate {self.chain} or its key {self.key}: {error.strerror}") from None
        return context, leaf


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate, as browsers show it."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def spki_pin(certificate: x509.Certificate) -> str:
    """SHA-256 of the public key (SubjectPublicKeyInfo), as curl's --pinnedpubkey takes it; RFC 7469 section 2.4."""
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return "sha256//" + b64encode(hashlib.sha256(key).digest()).decode()


def days_left(certificate: x509.Certificate, now: float) -> int:
    """Whole days from `now` (seconds since 1970) to its end; negative when it has ended."""
    return (certificate.not_valid_after_utc - datetime.fromtimestamp(now, UTC)).days


def ending(certificate: x509.Certificate, now: float) -> str | None:
    """Half a sentence, when it has ended or soon will: `ends on 2026-12-03, in 12 days`."""
    days, day = days_left(certificate, now), f"{certificate.not_valid_after_utc:%Y-%m-%d}"
    if days < 0:
        return f"has ended on {day}"
    if days < WARN_WITHIN.days:
        return f"ends on {day}, " + {0: "within a day", 1: "in a day"}.get(days, f"in {days} days")
    return None


#: One object for each pair of files: who asks for pins sees what connections are served with.
_known: dict[tuple[Path, Path], Certificate] = {}


def pin(text: str) -> str:
    """`text`, which has to be of the form of `spki_pin`. Raises ValueError."""
    if not re.fullmatch(r"sha256//[A-Za-z0-9+/]{43}=", text):
        raise ValueError(f"{text!r} is no pin")
    return text


def find(chain: Path | None, key: Path | None, directory: Path) -> Certificate:
    """The one that is named, or else the self-signed one in `directory`, made when there is none.

    Raises BadSetting.
    """
    files = place(chain, key, directory)
    if not chain and not all(file.exists() for file in files):
        try:
            make_self_signed(*files)
        except OSError as error:
            raise BadSetting(f"no certificate can be made in {directory}: {error.strerror}") from None
        log.info("made a self-signed certificate, %s: browsers will warn of it once", files[0])
    if files not in _known:
        _known[files] = Certificate(*files)
    return _known[files]


def place(chain: Path | None, key: Path | None, directory: Path) -> tuple[Path, Path]:
    """Where the server looks for its certificate and its key. Raises BadSetting."""
    if chain and key:
        return chain, key
    if chain or key:
        raise BadSetting("TLS_CERTIFICATE and TLS_KEY belong together: set both, or neither to have one made")
    return directory / "server.pem", directory / "server.key"


def make_self_signed(
    chain: Path,
    key: Path,
    private: ec.EllipticCurvePrivateKey | None = None,
    names: Iterable[x509.GeneralName] = (),
    valid: timedelta = VALID,
) -> None:
    """For every name and address under which this machine knows itself, and for `names`.

    `private` is the key that is in `key` already and stays; without it one is made. Raises OSError.
    """
    kept, private = private, private or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, socket.gethostname()[:64] or "camproxy"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, MAKER),
        ]
    )
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # a board's clock may be behind
        .not_valid_after(now + valid)
        .add_extension(x509.SubjectAlternativeName(dict.fromkeys([*own_names(), *names])), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    for directory in {chain.parent, key.parent}:
        make_directory(directory)
    if not kept:
        secret = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write(key, secret, 0o600)
    write(chain, made.public_bytes(serialization.Encoding.PEM), 0o644)


def is_self_made(certificate: x509.Certificate) -> bool:
    """Whether `make_self_signed` has made it."""
    return any(named.value == MAKER for named in certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME))


def own_names() -> list[x509.GeneralName]:
    host = socket.gethostname()
    names = [name for name in dict.fromkeys(("localhost", host, f"{host.split('.')[0]}.local")) if name.isascii()]
    addresses = {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")} | own_addresses()
    in_order = sorted(addresses, key=lambda address: (address.version, int(address)))
    return [*(x509.DNSName(name) for name in names), *(x509.IPAddress(address) for address in in_order)]


def own_addresses() -> set[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """All that others could reach this machine by; not those that hold for one cable only (fe80::…%eth0)."""
    found = [entry.address for entries in psutil.net_if_addrs().values() for entry in entries if entry.family in IP]
    return {ipaddress.ip_address(address) for address in found if "%" not in address}


IP = (socket.AF_INET, socket.AF_INET6)


def make_directory(directory: Path) -> None:
    """With those above it, each of whoever has the one above."""
    if not directory.exists():
        make_directory(directory.parent)
        directory.mkdir(mode=0o700)
        belong_to(directory, directory.parent)


def write(file: Path, content: bytes, mode: int) -> None:
    """Whole or not at all; it belongs to whom the file before it, or else the directory, belongs."""
    made = file.with_name(f"{file.name}.{os.getpid()}")
    with open(made, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as handle:
        os.chmod(made, mode)  # whatever the umask is
        belong_to(made, file if file.exists() else file.parent)
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    made.replace(file)
    settle(file.parent)
