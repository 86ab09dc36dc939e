#!/usr/bin/env python3
"""Let a device enrol, from the command line, while the server runs.

    pair_device.py esp32cam                        show a token and its QR code, and wait for the device
    pair_device.py pico --minutes 15               the same for longer
    pair_device.py esp32cam --open-to-network      let devices fetch tokens themselves, until Ctrl-C
    pair_device.py pico --allow-unencrypted        take the token over plain HTTP as well
    pair_device.py --list                          which devices have enrolled
    pair_device.py --revoke 24:0A:C4:12:34:56      end the keys of a device: it has to enrol again

It ends with 0 when that was done or a device came, and with 1 when none did. Ctrl-C closes what it opened.
"""

from __future__ import annotations

import argparse
import ipaddress
import signal
import sys
import time
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cryptography import x509
from flask import Flask

from app import create_app
from camproxy import audit, schema
from camproxy.audit import Action
from camproxy.certificates import own_names
from camproxy.errors import CamProxyError, CannotStart
from camproxy.macs import normal_mac
from camproxy.pairing import MINUTES, MOST_MINUTES, Pairing
from camproxy.pairing_link import pairing_link, qr
from camproxy.settings import Settings
from models import KINDS, Device, db

#: How often it looks whether a device has come. Seconds.
LOOK_EVERY = 0.5


def main(arguments: list[str] | None = None) -> int:
    options = read_options(arguments)
    try:
        app = create_app()
        schema.check(app.config["SQLALCHEMY_DATABASE_URI"])
        with app.app_context():
            schema.upgrade()
            if options.list:
                return list_devices()
            if options.revoke:
                return revoke(options.revoke)
            return pair(app, options)
    except (CannotStart, CamProxyError) as error:
        print(error, file=sys.stderr)
        return 1


def list_devices() -> int:
    for row in db.session.scalars(db.select(Device).order_by(Device.id)):
        seen = f"seen {row.last_seen_at:%Y-%m-%d %H:%M} UTC" if row.last_seen_at else "never seen"
        state = "" if row.enabled else ", switched off"
        print(f"{row.id:>4}  {row.mac}  {row.kind:<8}  {row.name}, {seen}, {len(row.keys)} keys{state}")
    return 0


def revoke(mac: str) -> int:
    device = db.session.scalar(db.select(Device).filter_by(mac=mac))
    if device is None:
        print(f"There is no device {mac}.", file=sys.stderr)
        return 1
    device.keys.clear()
    audit.note(Action.DEVICE_REVOKED, f"{device.name} ({device.mac})")
    db.session.commit()
    print(f"The keys of {device.name} have ended.")
    return 0


def pair(app: Flask, options: argparse.Namespace) -> int:
    """Open a window and wait until a device came, or, open to the network, until the window closes."""
    pairing: Pairing = app.extensions["camproxy"].pairing
    settings: Settings = app.extensions["camproxy"].settings
    token = pairing.open(
        options.kind,
        audit.COMMAND_LINE,
        options.minutes,
        open_to_network=options.open_to_network,
        allow_unencrypted=options.allow_unencrypted,
    )
    row = pairing.window(options.kind)
    assert row is not None
    opened_at = row.opened_at
    came: set[int] = set()
    try:
        show(options, settings, token, row.expires_at)
        wait(pairing, options, opened_at, came)
    except KeyboardInterrupt:
        print()
    finally:
        db.session.rollback()
        still = pairing.window(options.kind)
        if still and still.opened_at == opened_at:
            pairing.close(options.kind)
            print("Pairing is closed.")
    return 0 if came else 1


def show(options: argparse.Namespace, settings: Settings, token: str, until: datetime) -> None:
    certificate = settings.certificate()
    link = pairing_link(
        options.server or guessed(settings), options.kind, token, certificate.fingerprint if certificate else None
    )
    qr(link).terminal(compact=True)
    print(f"Token  {token}")
    print(f"Link   {link}")
    print(f"Pairing is open for {options.kind} until {until.astimezone():%H:%M:%S}. Ctrl-C closes it.", flush=True)


def wait(pairing: Pairing, options: argparse.Namespace, opened_at: datetime, came: set[int]) -> None:
    """Say which devices come, and add their numbers to `came`."""
    while options.open_to_network or not came:
        db.session.rollback()  # to see what the server has written since
        row = pairing.window(options.kind)
        if row is None or row.opened_at != opened_at:
            print("Pairing has ended." if came else "Pairing has ended; no device came.", flush=True)
            return
        for device in [token.device for token in row.tokens if token.device and token.device_id not in came]:
            print(f"{device.name} has enrolled, {device.mac} from {device.address}.", flush=True)
            came.add(device.id)
        time.sleep(LOOK_EVERY)


def guessed(settings: Settings) -> str:
    """Where devices find the server, as far as its settings tell."""
    host = settings.host
    if host in ("0.0.0.0", "::"):
        own = [name.value for name in own_names() if isinstance(name, x509.IPAddress)]
        others = [address for address in own if isinstance(address, ipaddress.IPv4Address) and not address.is_loopback]
        host = str(others[0]) if others else "127.0.0.1"
    return f"{'https' if settings.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{settings.port}"


def mac(text: str) -> str:
    try:
        return normal_mac(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} {error}") from None


def minutes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_MINUTES:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {MOST_MINUTES}")
    return int(text)


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", nargs="?", choices=KINDS, help="what is to enrol")
    parser.add_argument("--minutes", type=minutes, default=MINUTES, help=f"for how long (default {MINUTES})")
    parser.add_argument("--open-to-network", action="store_true", help="hand out tokens at /public/tokens")
    parser.add_argument("--allow-unencrypted", action="store_true", help="take tokens over plain HTTP")
    parser.add_argument("--server", metavar="URL", help="where devices find the server (default: as its settings say)")
    parser.add_argument("--list", action="store_true", help="list the devices")
    parser.add_argument("--revoke", type=mac, metavar="MAC", help="end all keys of that device")
    options = parser.parse_args(arguments)
    if [options.kind is not None, options.list, options.revoke is not None].count(True) != 1:
        parser.error("name a kind of device, or --list, or --revoke")
    return options


def end(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end)
    sys.exit(main())
