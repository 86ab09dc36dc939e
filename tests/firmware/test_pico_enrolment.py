"""A Pico that nobody knows yet: by a token, by its code, and what it does when neither will do."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conftest import MakeServer
from tests.firmware.conftest import Start
from tests.firmware.pico import SimulatedPico
from tests.integration.people import wait_until
from tests.running import Person

MAC = "28:CD:C1:0A:0B:0C"


def devices(admin: Person) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = admin.get("/api/devices").json()["items"]
    return found


def until_enrolled(admin: Person, pico: SimulatedPico) -> dict[str, Any]:
    wait_until(lambda: [each for each in devices(admin) if each["status"]["online"]], "it is online", timeout=25)
    (device,) = devices(admin)
    kept = pico.keeps("key.json")
    assert kept["api_key"] not in str(pico.events), "nobody is told the key"
    assert not (pico.flash / "code.json").exists()
    return device


@pytest.mark.parametrize("tls", [True, False])
def test_the_link_of_the_pairing_page_is_all_it_needs(make_server: MakeServer, power_on: Start, tls: bool) -> None:
    server = make_server(TLS=tls)
    with server.person() as admin:
        window = admin.made("/api/pairing", {"kind": "pico", "allow_unencrypted": not tls})
        place = {"certificate": "server.pem", "host": None, "port": None} if tls else {"encrypted": None, "host": None}
        config = {"pairing": window["link"], "name": "Head in the shed"}
        pico = power_on(server, "--mac", MAC, server=place | {"port": server.port}, **config)
        device = until_enrolled(admin, pico)
        assert (device["mac"], device["name"], device["kind"]) == (MAC, "Head in the shed", "pico")
        assert window["token"] not in (pico.flash / "key.json").read_text()

        # The token is used up; the key is what counts from now on.
        before = pico.now
        pico.do("brownout")
        pico.until_it_says("connected", before)
        assert server.logged.count("POST /register 201") == 1

        # And it takes a new one over its connection.
        wait_until(lambda: devices(admin)[0]["status"]["online"], "it is online again")
        key = pico.keeps("key.json")["api_key"]
        assert admin.ask("POST", f"/api/devices/{device['id']}/key/give").status_code == 204
        wait_until(lambda: len(devices(admin)[0]["keys"]) == 1, "the old one has ended", timeout=20)
        assert pico.keeps("key.json")["api_key"] != key
        assert pico.keeps("key.json")["api_key"] not in str(pico.events) + server.logged


def test_an_admin_approves_the_code_that_it_shows(make_server: MakeServer, power_on: Start) -> None:
    server = make_server()
    with server.person() as admin:
        pico = power_on(server, "--mac", MAC)
        shown = pico.until_it_says("approve it on the server")
        code = re.search(r"code (\d{8})$", shown)
        assert code
        assert MAC in shown
        pico.do("brownout")
        assert code[1] in pico.until_it_says("approve it on the server", pico.now), "it stays the same"
        approval = {"kind": "pico", "mac": MAC, "code": code[1], "allow_unencrypted": True}
        admin.made("/api/pairing", {"kind": "pico", "allow_unencrypted": True})
        admin.made("/api/pairing/approve", approval)
        until_enrolled(admin, pico)
        assert code[1] not in server.logged, "the server's log does not hear of the code"


def test_a_token_that_will_not_do_gives_way_to_the_code(make_server: MakeServer, power_on: Start) -> None:
    server = make_server()
    with server.person() as admin:
        admin.made("/api/pairing", {"kind": "pico", "allow_unencrypted": True})
        pico = power_on(server, pairing="not-the-token")
        pico.until_it_says("the server does not let us in: 403")
        pico.until_it_says("approve it on the server")
        assert devices(admin) == []


def test_a_new_token_in_the_configuration_pairs_it_anew(make_server: MakeServer, power_on: Start) -> None:
    server = make_server()
    with server.person() as admin:
        window = admin.made("/api/pairing", {"kind": "pico", "allow_unencrypted": True})
        pico = power_on(server, "--mac", MAC, pairing=window["token"])
        first = until_enrolled(admin, pico)
        key = pico.keeps("key.json")["api_key"]
        again = admin.made("/api/pairing", {"kind": "pico", "allow_unencrypted": True})
        config = pico.flash / "config.json"
        config.write_text(config.read_text().replace(window["token"], again["token"]))
        pico.do("brownout")
        wait_until(lambda: pico.keeps("key.json")["api_key"] != key, "it has a new key", timeout=20)
        wait_until(lambda: devices(admin)[0]["status"]["online"], "it is online")
        assert [each["id"] for each in devices(admin)] == [first["id"]], "it is the same device"
