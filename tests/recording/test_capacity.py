"""How many cameras can be recorded: the arithmetic with a measurement that is made up, and one that is real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from camproxy.recording import capacity as module
from camproxy.recording.capacity import Capacity, Cost, Load, measured
from camproxy.recording.fed import EncoderFailed
from tests.integration.people import wait_until

#: As much as on a PC.
COSTS = {"h264": Cost(0.0125, 0.0001, 60_000_000), "mjpeg": Cost(0.0002, 0.0001, 40_000_000)}


class Bench:
    """Counts what is measured."""

    def __init__(self, **costs: Cost) -> None:
        self.costs = COSTS | costs
        self.measured: list[str] = []
        self.fails = False

    def __call__(self, codec: str, runs: object) -> Cost:
        self.measured.append(codec)
        if self.fails:
            raise EncoderFailed("there is none")
        return self.costs[codec]


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Two cores and 8 GB."""
    known = {"machine": "a test", "cores": 2, "ffmpeg": "version 5"}
    monkeypatch.setattr(module, "cores", lambda: 2)
    monkeypatch.setattr(module, "this_machine", lambda: known)
    monkeypatch.setattr(module.psutil, "virtual_memory", lambda: type("Memory", (), {"total": 8_000_000_000}))
    monkeypatch.setattr(module, "LOOK_EVERY", 0.05)
    return known


def known(file: Path, bench: Bench, loads: list[Load]) -> Capacity:
    """One that has been measured."""
    capacity = Capacity(file, lambda: loads, bench)
    capacity.start()
    wait_until(lambda: capacity.state()["h264"] is not None, "it is known")
    capacity.stop()
    return capacity


@pytest.mark.parametrize(
    ("loads", "used"),
    [
        ([], 0),
        ([Load("h264", 480_000, 10)], 1 / 11),
        ([Load("h264", 480_000, 5)] * 4, 2 / 11),
        ([Load("h264", 1_920_000, 10), Load("h264", 76_800, 10)], 4.16 / 11),
        ([Load("mjpeg", 480_000, 10)] * 8 + [Load("h264", 480_000, 10)] * 2, 8 / 83 + 2 / 11),
        ([Load("h264", 1_920_000, 25)] * 4, 40 / 11),
    ],
)
def test_size_rate_and_codec_count(tmp_path: Path, loads: list[Load], used: float) -> None:
    capacity = known(tmp_path / "a.json", Bench(), loads)
    assert capacity.state() == {"h264": 11, "mjpeg": 83, "used": pytest.approx(used, abs=0.001)}


@pytest.mark.parametrize(
    ("cost", "most"),
    [
        (Cost(0.074, 0.0, 1), 2),
        (Cost(0.149, 0.0, 1), 1),
        (Cost(0.2, 0.0, 1), 0),
        (Cost(0.0001, 0.001, 1), 25),
        (Cost(0.0001, 0.0, 192_000_000), 20),
    ],
    ids=["processor", "a slow one", "a slower one", "this process", "memory"],
)
def test_what_there_is_least_of_decides(tmp_path: Path, cost: Cost, most: int) -> None:
    if not cost.own:
        cost = Cost(cost.ffmpeg, 1e-9, cost.memory)
    assert known(tmp_path / "a.json", Bench(h264=cost), []).state()["h264"] == most


def test_it_is_said_before_there_are_too_many(tmp_path: Path) -> None:
    loads = [Load("h264", 480_000, 10)] * 9
    capacity = known(tmp_path / "a.json", Bench(), loads)
    assert capacity.alarms() == []
    loads.append(loads[0])
    (alarm,) = capacity.alarms()
    assert "91%" in alarm


def test_nothing_is_measured_before_it_is_needed(tmp_path: Path) -> None:
    loads: list[Load] = []
    bench = Bench()
    looked = []
    capacity = Capacity(tmp_path / "a.json", lambda: looked.append(1) or loads, bench)  # type: ignore[func-returns-value]
    capacity.start()
    wait_until(lambda: len(looked) > 5, "it has looked")
    assert bench.measured == []
    assert capacity.alarms() == []
    loads.append(Load("mjpeg", 480_000, 10))
    wait_until(lambda: (tmp_path / "a.json").exists(), "it is measured")
    capacity.stop()
    assert bench.measured == ["h264", "mjpeg"]


def test_it_is_measured_once_and_again_on_another_machine(tmp_path: Path, machine: dict[str, Any]) -> None:
    file, bench = tmp_path / "a.json", Bench()
    for _ in range(3):
        known(file, bench, [])
    assert len(bench.measured) == 2
    machine["ffmpeg"] = "version 6"
    known(file, bench, [])
    assert len(bench.measured) == 4
    for nonsense in ("", "[]", "null", '{"machine": 1}', json.dumps(machine | {"h264": 1, "mjpeg": {}})):
        file.write_text(nonsense)
        known(file, bench, [])
    assert len(bench.measured) == 14


def test_a_failure_is_tried_again(tmp_path: Path) -> None:
    bench = Bench()
    bench.fails = True
    capacity = Capacity(tmp_path / "a.json", lambda: [Load("h264", 1, 1)], bench)
    capacity.start()
    wait_until(lambda: len(bench.measured) > 2, "it is tried again")
    assert capacity.state() == {"h264": None, "mjpeg": None, "used": None}
    bench.fails = False
    wait_until(lambda: capacity.state()["h264"], "it is known")
    capacity.stop()


@pytest.mark.ffmpeg
def test_a_real_measurement() -> None:
    """A copy costs a small part of what encoding does, and neither nothing nor everything."""
    seen: list[object] = []
    encoded, copied = (measured(codec, seen.append) for codec in ("h264", "mjpeg"))
    assert 0.001 < encoded.ffmpeg < 0.2
    assert copied.ffmpeg < encoded.ffmpeg / 4
    assert 10_000_000 < copied.memory < 300_000_000
    assert [bool(one) for one in seen] == [True, False] * 4, "whoever stops the server can end it"


@pytest.mark.ffmpeg
def test_a_stop_ends_the_measurement(tmp_path: Path) -> None:
    capacity = Capacity(tmp_path / "a.json", lambda: [Load("h264", 1, 1)])
    capacity.start()
    wait_until(lambda: capacity._running, "it is being measured")
    capacity.stop()
    wait_until(lambda: not capacity._thread.is_alive(), "it has ended")
    assert capacity._running is None
    assert not (tmp_path / "a.json").exists()
