"""The certificate with which the server speaks TLS itself, and a self-signed one when nobody brought any."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from camproxy.errors import BadSetting

log = logging.getLogger(__name__)

#: A board is told this certificate once; nobody comes by each year to tell it another.
VALID = timedelta(days=3650)


class Certificate:
    """A certificate with its chain and its key, read again when they have been renewed. Thread-safe."""

    def __init__(self, chain: Path, key: Path) -> None:
        self.chain = chain
        self.key = key
        self._signature = self._look()
        self._context = self._read()

    def context(self) -> ssl.SSLContext:
        """For one more connection."""
        if (now := self._look()) != self._signature:
            self._signature = now
            try:
                self._context = self._read()
                log.info("the certificate has been renewed: %s", self.chain)
            except BadSetting as error:
                log.error("%s; the one before stays in use", error)
        return self._context

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as browsers show it."""
        digest = x509.load_pem_x509_certificate(self.chain.read_bytes()).fingerprint(hashes.SHA256())
        return digest.hex(":").upper()

    def _look(self) -> tuple[object, ...]:
        found: list[object] = []
        for file in (self.chain, self.key):
            try:
                status = file.stat()
                found += [status.st_mtime_ns, status.st_ino, status.st_size]
            except OSError:
                found.append(None)
        return tuple(found)

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            # The empty password: without one, OpenSSL would ask the terminal for that of an encrypted key.
            context.load_cert_chain(self.chain, self.key, password="")
        except ssl.SSLError as error:
            wrong = "do not belong together" if error.reason == "KEY_VALUES_MISMATCH" else "are not both PEM"
            raise BadSetting(f"the certificate {self.chain} and the key {self.key} {wrong}") from None
        except OSError as error:
            raise BadSetting(f"the certificate {self.chain} or its key {self.key}: {error.strerror}") from None
        return context


def find(chain: Path | None, key: Path | None, directory: Path) -> Certificate:
    """The one that is named, or else the self-signed one in `directory`, made when there is none.

    Raises BadSetting.
    """
    if chain and key:
        return Certificate(chain, key)
    if chain or key:
        raise BadSetting("TLS_CERTIFICATE and TLS_KEY belong together: set both, or neither to have one made")
    chain, key = directory / "server.pem", directory / "server.key"
    if not (chain.exists() and key.exists()):
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_self_signed(chain, key)
        except OSError as error:
            raise BadSetting(f"no certificate can be made in {directory}: {error.strerror}") from None
        log.info("made a self-signed certificate, %s: browsers will warn of it once", chain)
    return Certificate(chain, key)


def make_self_signed(chain: Path, key: Path) -> None:
    """For every name and address under which this machine knows itself. Raises OSError."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, socket.gethostname()[:64] or "camproxy")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # a board's clock may be behind
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName(own_names()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write(key, secret, 0o600)
    write(chain, made.public_bytes(serialization.Encoding.PEM), 0o644)


def own_names() -> list[x509.GeneralName]:
    host = socket.gethostname()
    names = [name for name in dict.fromkeys(("localhost", host, f"{host.split('.')[0]}.local")) if name.isascii()]
    addresses = ["127.0.0.1", "::1"]
    for family, anywhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((anywhere, 9))  # sends nothing; the kernel only chooses the address
                addresses.append(probe.getsockname()[0])
            except OSError:
                log.debug("this machine has no way out by %s", family.name)
    return [
        *(x509.DNSName(name) for name in names),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in dict.fromkeys(addresses)),
    ]


def write(file: Path, content: bytes, mode: int) -> None:
    """Whole or not at all."""
    made = file.with_name(f"{file.name}.{os.getpid()}")
    with open(made, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    made.replace(file)
