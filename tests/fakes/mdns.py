"""A stranger in the local network: `python -m tests.fakes.mdns ADDRESS [MAC]`, until its input ends.

It prints who announces a CamProxy or says goodbye, one line each: `+ name address,… port tls` or `- name`, and nothing
twice in a row of the same. With a MAC it is a board itself.
"""

from __future__ import annotations

import sys

from zeroconf import ServiceBrowser, ServiceInfo, ServiceStateChange, Zeroconf

from camproxy.board_listener import DEVICE
from camproxy.discovery import SERVER
from tests.patience import PATIENCE

#: What was said last about each.
said: dict[str, str] = {}


def changed(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
    short = name.removesuffix(f".{SERVER}")
    if state_change is ServiceStateChange.Removed:
        say(short, f"- {short}")
    elif info := zeroconf.get_service_info(service_type, name, timeout=1000 * PATIENCE):
        addresses = ",".join(sorted(info.parsed_addresses()))
        say(short, f"+ {short} {addresses} {info.port} {info.decoded_properties['tls']}")


def say(name: str, line: str) -> None:
    if said.get(name) != line:
        said[name] = line
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def main(address: str, mac: str = "") -> None:
    zeroconf = Zeroconf(interfaces=[address])
    ServiceBrowser(zeroconf, [SERVER], handlers=[changed])
    if mac:
        texts = {"kind": "pico", "mac": mac, "name": "Head", "version": "1.0"}
        board = ServiceInfo(DEVICE, f"board.{DEVICE}", port=80, parsed_addresses=[address], properties=texts)
        zeroconf.register_service(board, cooperating_responders=True)
    sys.stdin.read()
    zeroconf.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
