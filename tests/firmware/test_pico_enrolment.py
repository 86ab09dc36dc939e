"""A Pico that nobody knows yet: by a token, by its code, and what it does when neither will do."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

from tests.firmware.conftest import Start
from tests.firmware.pico import SimulatedPico
from tests.integration.people import wait_until
from tests.running import Person, RunningServer

_numbers = itertools.count(1)


@pytest.fixture
def mac() -> str:
    return f"28:CD:C1:0A:0B:{next(_numbers):02X}"


def device(admin: Person, mac: str) -> dict[str, Any] | None:
    found: list[dict[str, Any]] = admin.get("/api/devices").json()["items"]
    return next((each for each in found if each["mac"] == mac), None)


def until_enrolled(admin: Person, pico: SimulatedPico, mac: str) -> dict[str, Any]:
    def online() -> bool:
        known = device(admin, mac)
        return bool(known and known["status"]["online"])

    wait_until(online, "it is online")
    kept = pico.keeps("key.json")
    assert kept["api_key"] not in str(pico.events), "nobody is told the key"
    assert not (pico.flash / "code.json").exists()
    known = device(admin, mac)
    assert known
    return known


def enrolments(server: RunningServer) -> int:
    return server.logged.count("POST /register 201")


@pytest.mark.parametrize("tls", [True, False])
def test_the_link_of_the_pairing_page_is_all_it_needs(
    request: pytest.FixtureRequest, power_on: Start, mac: str, tls: bool
) -> None:
    admin: Person = request.getfixturevalue("secure_admin" if tls else "admin")
    server, before = admin.server, enrolments(admin.server)
    window = admin.made("/api/pairing", {"kind": "pico", "allow_unencrypted": not tls})
    place = {"certificate": "server.pem", "host": None, "port": None} if tls else {"encrypted": None, "host": None}
    name = f"Head {mac}"
    pico = power_on(server, "--mac", mac, server=place | {"port": server.port}, pairing=window["link"], name=name)
    known = until_enrolled(admin, pico, mac)
    assert (known["name"], known["kind"]) == (name, "pico")
    assert window["token"] not in (pico.flash / "key.json").read_text()

    # The token is used up; the key is what counts from now on.
    since = pico.now
    pico.do("brownout")
    pico.until_it_says("connected", since)
    wait_until(lambda: enrolments(server) == before + 1, "the log has one more")

    # And it takes a new one over its connection, here also over a plain one.
    wait_until(lambda: (device(admin, mac) or known)["status"]["online"], "it is online again")
    key = pico.keeps("key.json")["api_key"]
    assert admin.ask("POST", f"/api/devices/{known['id']}/key/give").status_code == 204
    wait_until(lambda: len((device(admin, mac) or known)["keys"]) == 1, "the old one has ended")
    assert pico.keeps("key.json")["api_key"] != key
    assert pico.keeps("key.json")["api_key"] not in str(pico.events) + server.logged


def test_an_admin_approves_the_code_that_it_shows(admin: Person, power_on: Start, mac: str) -> None:
    pico = power_on(admin.server, "--mac", mac, "--speed", "3")
    shown = pico.until_it_says("approve it on the server")
    code = re.search(r"code (\d{8})$", shown)
    assert code
    assert mac in shown
    pico.do("brownout")
    assert code[1] in pico.until_it_says("approve it on the server", pico.now), "it stays the same"
    approval = {"kind": "pico", "mac": mac, "code": code[1], "allow_unencrypted": True}
    admin.made("/api/pairing", {"kind": "pico", "allow_unencrypted": True})
    admin.made("/api/pairing/approve", approval)
    until_enrolled(admin, pico, mac)
    assert code[1] not in admin.server.logged, "the server's log does not hear of the code"


def test_a_token_that_will_not_do_gives_way_to_the_code(admin: Person, power_on: Start, mac: str) -> None:
    admin.made("/api/pairing", {"kind": "pico", "allow_unencrypted": True})
    pico = power_on(admin.server, "--mac", mac, pairing="not-the-token")
    pico.until_it_says("the server does not let us in: 403")
    pico.until_it_says("approve it on the server")
    assert device(admin, mac) is None


def test_a_new_token_in_the_configuration_pairs_it_anew(admin: Person, power_on: Start, mac: str) -> None:
    window = admin.made("/api/pairing", {"kind": "pico", "allow_unencrypted": True})
    pico = power_on(admin.server, "--mac", mac, pairing=window["token"])
    first = until_enrolled(admin, pico, mac)
    key = pico.keeps("key.json")["api_key"]
    again = admin.made("/api/pairing", {"kind": "pico", "allow_unencrypted": True})
    config = pico.flash / "config.json"
    config.write_text(config.read_text().replace(window["token"], again["token"]))
    pico.do("brownout")
    wait_until(lambda: pico.keeps("key.json")["api_key"] != key, "it has a new key")
    assert until_enrolled(admin, pico, mac)["id"] == first["id"], "it is the same device"
