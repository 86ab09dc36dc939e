#!/usr/bin/env python3
"""Connect as a device does, with a device's key, and say how far that goes.

    check_connection.py --kind pico                               to the server on this machine
    check_connection.py --kind pico http://192.168.1.5:5000 https://cam.example.org --listen 30
                                                                  to both; then answer servo commands for 30 seconds

The key comes from the environment (CAMPROXY_DEVICE_KEY), from a file (--key-file), or is asked for: on the command line
everybody on the machine would see it. A real device that is connected with this key is replaced for the moment, and
dials again by itself. Each line says pass, fail or not checked, and what to do. It ends with 0 when nothing failed,
else with 1.
"""

from __future__ import annotations

import argparse
import getpass
import os
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from camproxy.certificates import pin
from camproxy.diagnostics.device import KINDS, Device
from camproxy.diagnostics.findings import Finding, all_well, as_json, as_text, carry_out
from camproxy.diagnostics.line import Line
from camproxy.diagnostics.local_server import LocalServer
from camproxy.errors import CannotStart
from camproxy.settings import read

#: What can stand in a header. A key of ours is 43 such characters.
KEY = re.compile(r"[!-~]{1,500}")


class NoKey(Exception):
    """There is none, or none that can be sent."""


def main(arguments: list[str] | None = None) -> int:
    options = read_options(arguments)
    findings = []
    try:
        key = read_key(options.key_file)
        for address in options.addresses or [None]:
            for finding in check(address, key, options):
                findings.append(finding)
                if not options.json:
                    print(as_text(finding), flush=True)
    except (NoKey, CannotStart, ValueError) as error:
        print(f"check_connection.py: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(as_json(findings))
    return 0 if all_well(findings) else 1


def check(address: str | None, key: str, options: argparse.Namespace) -> Iterator[Finding]:
    if address is None:
        server = LocalServer(read())
        yield from carry_out([("Local server", server.answers)])
        line = server.line
    else:
        line = Line(address, pin=options.pin, ca=options.ca)
    with closing(Device(line, options.kind, key, plain=options.unencrypted)) as device:
        for finding in carry_out(device.checks(options.listen)):
            yield Finding(f"{line.authority}, {finding.check}", finding.verdict, finding.said, finding.advice)


def read_key(file: Path | None) -> str:
    """Raises NoKey."""
    key = os.environ.get("CAMPROXY_DEVICE_KEY", "")
    if file:
        try:
            key = file.read_text()
        except (OSError, ValueError) as error:
            raise NoKey(f"the key cannot be read from {file}: {getattr(error, 'strerror', None) or error}") from None
    elif not key:
        if not sys.stdin.isatty():
            raise NoKey("there is no key: set CAMPROXY_DEVICE_KEY, or name a file by --key-file")
        try:
            key = getpass.getpass("Key of the device: ")
        except (EOFError, KeyboardInterrupt):
            raise NoKey("no key was typed in") from None
    if not KEY.fullmatch(key.strip()):
        raise NoKey("what was given as the key is none: it is one word of letters, digits, - and _")
    return key.strip()


def seconds(text: str) -> float:
    if not re.fullmatch(r"\d{1,5}(\.\d+)?", text):
        raise argparse.ArgumentTypeError("seconds, such as 30")
    return float(text)


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "addresses", nargs="*", metavar="ADDRESS", help="of the server, such as https://cam.example.org"
    )
    parser.add_argument("--kind", choices=KINDS, required=True, help="of which device the key is")
    parser.add_argument("--key-file", type=Path, metavar="FILE", help="a file with the key and nothing else")
    parser.add_argument("--listen", type=seconds, default=0, metavar="SECONDS", help="how long to answer commands then")
    parser.add_argument(
        "--pin", type=pin, help="of the server's key, sha256//…: what a board checks in place of the certificate"
    )
    parser.add_argument("--ca", type=Path, metavar="FILE", help="a certificate (PEM) to trust besides the system's")
    parser.add_argument("--unencrypted", action="store_true", help="send the key also by plain http to other machines")
    parser.add_argument("--json", action="store_true", help="all findings as JSON, for programs")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
