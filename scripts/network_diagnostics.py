#!/usr/bin/env python3
"""Find out why a server cannot be reached: its port, its firewall, its name, its certificate, its proxy, the clock.

    network_diagnostics.py                              what can be seen from this machine
    network_diagnostics.py https://cam.example.org      and on the way that others come
    sudo network_diagnostics.py …                       with the firewall, which answers only to root

Each line says pass, fail or not checked, and what to do. It needs no key and no password, and changes nothing. On the
server's machine it reads the server's settings (ENV_FILE names the file of an installed one). To look from outside, run
it on a machine elsewhere with --outside. It ends with 0 when nothing failed, else with 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from camproxy.certificates import pin
from camproxy.diagnostics import firewalls
from camproxy.diagnostics.findings import Finding, Verdict, all_well, as_json, as_text, carry_out
from camproxy.diagnostics.line import Line
from camproxy.diagnostics.local_server import LocalServer, own_chain
from camproxy.errors import CannotStart
from camproxy.settings import read

#: In order: the name of a check, and the method of Line that makes it.
OUTSIDE = {
    "Name resolution": "name",
    "External port": "reach",
    "External TLS": "tls",
    "External certificate": "validity",
    "External reachability": "health",
    "Clock": "clock",
    "External WebSocket": "upgrade",
}


def main(arguments: list[str] | None = None) -> int:
    options = read_options(arguments)
    findings = []
    try:
        for finding in look(options):
            findings.append(finding)
            if not options.json:
                print(as_text(finding), flush=True)
    except CannotStart as error:
        print(f"network_diagnostics.py: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(as_json(findings))
    return 0 if all_well(findings) else 1


def look(options: argparse.Namespace) -> Iterator[Finding]:
    chain = None
    if not options.outside:
        settings = read()
        chain = own_chain(settings)
        server = LocalServer(settings)
        yield from carry_out(server.checks())
        way_in = options.address.port if options.address else 443
        yield from firewalls.look(way_in if server.for_itself else server.port)
    if options.address is None:
        for name in OUTSIDE:
            yield Finding(name, Verdict.NOT_CHECKED, "no address given", "Give the one that others use, https://…")
        return
    line: Line = options.address
    line.ca = options.ca or chain
    line.pin = options.pin
    yield from carry_out((name, getattr(line, check)) for name, check in OUTSIDE.items())


def address(text: str) -> Line:
    try:
        return Line(text, strict=False)  # nothing secret is sent, and more is found out
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", nargs="?", type=address, help="by which others reach the server")
    parser.add_argument("--pin", type=pin, help="of the server's key, sha256//…, when its certificate is self-signed")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="a certificate (PEM) to trust besides the system's")
    parser.add_argument("--outside", action="store_true", help="this is not the server's machine: leave that out")
    parser.add_argument("--json", action="store_true", help="all findings as JSON, for programs")
    options = parser.parse_args(arguments)
    if options.outside and not options.address:
        parser.error("--outside needs an address")
    return options


if __name__ == "__main__":
    sys.exit(main())
