#!/usr/bin/env python3
"""Make the certificate with which the server speaks TLS itself, or make it anew; show what a device is to know of it.

    make_certs.py                                   for this machine's names and addresses
    make_certs.py cam.example.org 203.0.113.7       and for these
    make_certs.py --show                            make nothing, show the one that is there
    make_certs.py --new-key                         with another key: every pin that a device has is void then

It puts certificate and key where the server finds them: in DATA_DIR/certificates, or where TLS_CERTIFICATE and TLS_KEY
say. The key stays unless it is told otherwise, so that pins stay valid; a server that is running uses the new
certificate from the next connection on. It asks nothing, and replaces only what CamProxy has made, unless told to by
--force. It ends with 0 when that was done and with 1, and a sentence, when it was not.
"""

from __future__ import annotations

import argparse
import ipaddress
import re
import sys
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import segno
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from camproxy import certificates
from camproxy.errors import CannotStart
from camproxy.settings import Settings, read

HOST_NAME = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.I)


class Refused(Exception):
    """It was not done; the text says why, and what to do."""


def main(arguments: list[str] | None = None) -> int:
    options = read_options(arguments)
    try:
        settings = read()
        chain, key = settings.certificate_place
        if options.show:
            if not chain.exists():
                raise Refused(f"there is no certificate {chain} yet; without --show one is made")
            shown = read_certificate(chain)
        else:
            shown = make(chain, key, options)
        tell(shown, chain, settings, options)
    except (Refused, CannotStart) as error:
        return refuse(str(error))
    except OSError as error:
        return refuse(f"{error.filename}: {error.strerror}")
    return 0


def make(chain: Path, key: Path, options: argparse.Namespace) -> x509.Certificate:
    before = read_certificate(chain) if chain.exists() and not options.force else None
    if before and not certificates.is_self_made(before):
        raise Refused(f"{chain} is none that CamProxy made; --force replaces it all the same")
    private = None
    if key.exists() and options.new_key and not (before or options.force):
        raise Refused(f"there is no certificate that says whose key {key} is; --force replaces it all the same")
    if key.exists() and not options.new_key:
        private = read_key(key)
        key.chmod(0o600)
    certificates.make_self_signed(chain, key, private, options.names, timedelta(days=options.days))
    made = read_certificate(chain)
    print(f"Made {chain}" + (f" for the key {key}, which stays." if private else f" and the key {key}."))
    if before and (gone := names_of(before) - names_of(made)):
        print(f"No longer in it: {', '.join(sorted(gone))}. Name it to have it again.")
    return made


def read_certificate(chain: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(chain.read_bytes())
    except ValueError:
        raise Refused(f"{chain} is no certificate (PEM); --force replaces it") from None


def read_key(key: Path) -> ec.EllipticCurvePrivateKey:
    try:
        private = load_pem_private_key(key.read_bytes(), password=None)
    except (ValueError, TypeError):  # TypeError: it has a password
        raise Refused(f"{key} is no key that can be read (PEM, no password); --new-key --force replaces it") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise Refused(f"{key} is no EC P-256 key, which is what boards can work with; --new-key --force replaces it")
    return private


def tell(certificate: x509.Certificate, chain: Path, settings: Settings, options: argparse.Namespace) -> None:
    known = [
        f"pin          {certificates.spki_pin(certificate)}",
        f"fingerprint  {certificates.fingerprint(certificate)}",
    ]
    print(f"It is for {', '.join(sorted(names_of(certificate)))}")
    print(f"and ends on {certificate.not_valid_after_utc:%Y-%m-%d}.\n")
    print("\n".join(known))
    if not options.no_qr:
        print()
        # Half blocks make it half as high, where the terminal has them.
        small = (sys.stdout.encoding or "").lower().startswith("utf")
        segno.make("\n".join(line.split()[1] for line in known), error="m").terminal(compact=small, border=2)
    if not settings.tls:
        print("\nThe server does not speak TLS yet: set TLS=true, and start it again.")


def names_of(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {str(name.value) for name in names}


def name_or_address(text: str) -> x509.GeneralName:
    """What a certificate can be for. Raises ArgumentTypeError."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        pass
    try:
        name = text.rstrip(".").encode("idna").decode()
    except UnicodeError:
        name = ""
    if not HOST_NAME.fullmatch(name) or len(name) > 253:
        raise argparse.ArgumentTypeError(f"{text!r} is no name and no address, such as cam.example.org or 203.0.113.7")
    return x509.DNSName(name)


def days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 36_500:
        raise argparse.ArgumentTypeError("a whole number from 1 to 36500")
    return int(text)


def refuse(why: str) -> int:
    print(f"make_certs.py: {why}", file=sys.stderr)
    return 1


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", type=name_or_address, metavar="NAME", help="a name or address more")
    parser.add_argument(
        "--days",
        type=days,
        default=certificates.VALID.days,
        help="how long it is valid (default %(default)s; Apple's systems take 825 at most)",
    )
    parser.add_argument("--show", action="store_true", help="make nothing, show pin and fingerprint")
    parser.add_argument(
        "--new-key", action="store_true", help="make another key too: devices have to be told the new pin"
    )
    parser.add_argument("--force", action="store_true", help="replace also what CamProxy did not make")
    parser.add_argument("--no-qr", action="store_true", help="leave the QR code away")
    options = parser.parse_args(arguments)
    if options.show and (options.names or options.new_key or options.force):
        parser.error("--show makes nothing, so nothing else goes with it")
    return options


if __name__ == "__main__":
    sys.exit(main())
