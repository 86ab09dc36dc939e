"""What strangers say about themselves is cleaned or refused before anybody else sees it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camproxy.found_devices import FoundDevice, FoundDevices, clean_name, read

GOOD = {"kind": "esp32cam", "mac": "a0:b1:c2:d3:e4:f5", "name": "Workshop", "version": "1.2.0", "paired": "0"}


def device(address: str = "192.168.7.20", at: float = 100.0, **texts: Any) -> FoundDevice:
    raw = {key.encode(): value if isinstance(value, bytes) else value.encode() for key, value in (GOOD | texts).items()}
    return read(raw, address, at)


def test_a_board_as_it_should_be() -> None:
    assert device() == FoundDevice(
        kind="esp32cam",
        mac="A0:B1:C2:D3:E4:F5",
        name="Workshop",
        version="1.2.0",
        paired=False,
        address="192.168.7.20",
        first_seen=100.0,
        last_seen=100.0,
    )
    assert device(paired="1").paired


def test_keys_may_be_written_in_capitals_and_others_are_ignored() -> None:
    raw = {b"KIND": b"pico", b"Mac": b"A0B1C2D3E4F5", b"\xff": b"x", b"flag": None}
    found = read(raw, "10.0.0.7", 1.0)
    assert (found.kind, found.mac, found.name, found.version, found.paired) == (
        "pico",
        "A0:B1:C2:D3:E4:F5",
        "pico D3:E4:F5",
        "",
        False,
    )


@pytest.mark.parametrize(
    ("texts", "address"),
    [
        ({"kind": "toaster"}, "192.168.7.20"),
        ({"kind": ""}, "192.168.7.20"),
        ({"kind": "PICO"}, "192.168.7.20"),
        ({"mac": "nonsense"}, "192.168.7.20"),
        ({"name": b"\xff\xfe\x00"}, "192.168.7.20"),
        ({"version": b"\xc3\x28"}, "192.168.7.20"),
        ({}, ""),
        ({}, "fe80::1"),
        ({}, "127.0.0.1"),
        ({}, "224.0.0.251"),
        ({}, "0.0.0.0"),
        ({}, "255.255.255.255"),
        ({}, "192.168.7.20<script>"),
    ],
)
def test_what_cannot_be_a_board_is_refused(texts: dict[str, Any], address: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        device(address, **texts)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Ben's camera", "Ben's camera"),
        ("<img src=x onerror=alert(1)>", "img src=x onerror=alert(1)"),
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("one\r\ntwo\tthree", "one two three"),
        ("\u202eegami\u202c\u2066x\u2069\u200f", "egamix"),
        ("a\u2028b\u2029c", "a b c"),
        ("  wide   open  ", "wide open"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("Cafe\u0301", "Café"),
        ("x" * 5000, "x" * 40),
        ("\u202e\x00<>", ""),
        ("\u200c \u200c", ""),
        ("e<\u0301", "é"),
        ("\ud800 lone", "lone"),
    ],
)
def test_names_are_cleaned(said: str, kept: str) -> None:
    assert clean_name(said) == kept


@given(st.text(max_size=300))
def test_whatever_it_is_a_clean_name_is_short_and_stays_in_its_place(said: str) -> None:
    kept = clean_name(said)
    assert len(kept) <= 40
    assert kept.replace("\u200c", "").isprintable()
    assert not set("<>") & set(kept)
    assert clean_name(kept) == kept


@given(st.dictionaries(st.binary(max_size=20), st.none() | st.binary(max_size=255), max_size=9), st.text(max_size=20))
def test_whatever_is_announced_is_a_device_or_a_refusal(raw: dict[bytes, bytes | None], address: str) -> None:
    with pytest.raises(ValueError, match=r".*"):  # the odds against a device by chance are what they are
        read(raw, address, 1.0)


@pytest.mark.parametrize("version", ["<b>", "1 2", "x" * 33, "../..", "", "-rf"])
def test_an_odd_version_is_none(version: str) -> None:
    assert device(version=version).version == ""


def test_who_comes_again_keeps_the_time_when_it_came_first() -> None:
    found = FoundDevices()
    assert found.seen("a", device(at=100))
    assert not found.seen("a", device(at=200)), "nothing but the time is new"
    assert found.seen("a", device(at=300, name="Garden"))
    (only,) = found.all()
    assert (only.first_seen, only.last_seen, only.name) == (100, 300, "Garden")
    found.heard("a", 400)
    found.heard("nobody", 400)
    assert [each.last_seen for each in found.all()] == [400]
    assert found.gone("a")
    assert not found.gone("a")
    assert found.all() == []


def test_there_is_room_for_so_many_and_the_longest_silent_goes() -> None:
    found = FoundDevices(room=3)
    for number in range(3):
        found.seen(f"board {number}", device(at=number, name=f"{number}"))
    found.heard("board 0", 10)
    found.seen("board 3", device(at=11, name="3"))
    assert [each.name for each in found.all()] == ["0", "2", "3"]
    assert found.clear()
    assert not found.clear()
    assert len(found) == 0


def test_the_room_is_64() -> None:
    found = FoundDevices()
    for number in range(1000):
        found.seen(f"board {number}", device(at=number))
    assert [each.first_seen for each in found.all()] == list(range(936, 1000))
