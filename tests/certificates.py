"""Certificates as they should be and as they should not, made for a test."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from camproxy.certificates import spki_pin

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Made:
    """A server's certificate with its key in one file, and the authority that signed it."""

    file: Path
    authority: Path
    pin: str

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        return context


def make(
    directory: Path,
    *,
    name: str = "127.0.0.1",
    begins: timedelta = -DAY,
    ends: timedelta = 90 * DAY,
    self_signed: bool = False,
) -> Made:
    """For `name`, valid from and until so long from now."""
    now = datetime.now(UTC)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    if self_signed:
        authority_key = key
    issuer = name if self_signed else "An authority"
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)

    def signed(subject: str, public: ec.EllipticCurvePublicKey, is_authority: bool) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(named(subject))
            .issuer_name(named(issuer))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 400 * DAY if is_authority else now + begins)
            .not_valid_after(now + 400 * DAY if is_authority else now + ends)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )

    authority = signed(issuer, authority_key.public_key(), True).sign(authority_key, hashes.SHA256())
    leaf = signed(name, key.public_key(), False).add_extension(
        x509.SubjectAlternativeName([alternative]), critical=False
    )
    certificate = leaf.sign(authority_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made = Made(directory / "server.pem", directory / "authority.pem", spki_pin(certificate))
    made.file.write_bytes(certificate.public_bytes(pem) + secret)
    made.authority.write_bytes((certificate if self_signed else authority).public_bytes(pem))
    return made


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
