#!/usr/bin/env python3
"""Start a Pico W that does not exist: the real firmware under MicroPython, dialling a running server.

The first time it wants a token of the server's pairing (page, or scripts/pair_device.py), or somebody who approves the
code that it prints; then it keeps its key in its flash. What it does it says line by line, as JSON; what is typed are
faults: brownout, drop, silent, garbage, hang, heap 9000, wifi off ... pico/sim/README.md has them all.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from setup import ROOT, node

SIMULATOR = ROOT / "pico" / "sim" / "run.mjs"


def configure(flash: Path, server: str, certificate: Path | None, token: str | None, name: str) -> None:
    """Write config.json, as somebody would on a real board. Raises ValueError for an address that is none."""
    parts = urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{server} is no address of a server: http://… or https://…")
    place: dict[str, object] = {"host": parts.hostname, "port": parts.port or (443 if parts.scheme == "https" else 80)}
    if parts.scheme == "https":
        if certificate is None:
            raise ValueError("over https the Pico needs the server's certificate: --certificate FILE")
        (flash / "server.pem").write_bytes(certificate.read_bytes())
        place["certificate"] = "server.pem"
    else:
        place["encrypted"] = False
    config = {"wifi": {"ssid": "simulated", "password": ""}, "server": place, "name": name}
    if token:
        config["pairing"] = token
    (flash / "config.json").write_text(json.dumps(config, indent=2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="http://127.0.0.1:5000", help="its address (%(default)s)")
    parser.add_argument("--certificate", type=Path, help="of the server, if its address begins with https")
    parser.add_argument("--token", help="of the server's pairing; without one, approve the code")
    parser.add_argument("--name", default="Simulated Pico", help="how the server shows it (%(default)s)")
    parser.add_argument(
        "--flash", type=Path, default=ROOT / "data" / "simulated-pico", help="what it keeps (%(default)s)"
    )
    parser.add_argument("--mac", default="28:CD:C1:00:00:01", help="another one for each Pico (%(default)s)")
    parser.add_argument("--pose-port", type=int, help="UDP port of 127.0.0.1 that is told where the servos stand")
    asked = parser.parse_args()
    found = node()
    if found is None:
        sys.exit("There is no Node.js; `make pico` fetches it.")
    asked.flash.mkdir(parents=True, exist_ok=True)
    try:
        configure(asked.flash, asked.server, asked.certificate, asked.token, asked.name)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    options = ["--flash", str(asked.flash), "--mac", asked.mac]
    if asked.pose_port:
        options += ["--pose-port", str(asked.pose_port)]
    os.execv(found, [found, str(SIMULATOR), *options])


if __name__ == "__main__":
    main()
