"""The benchmarks still work: the C programs compile, the tables come out. What they claim is not tested here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks import boards, devices, endurance, fanout, latency, lookback, recording, recordings
from benchmarks.__main__ import BENCHMARKS, LONG, QUICK
from benchmarks.load import programs
from benchmarks.table import NO, YES, Rounds, Table, verdict
from tests.firmware.esp32cam import skip_without
from tests.running import PROJECT


def test_the_c_programs_compile_and_say_how_they_are_used() -> None:
    for name in ("load", "reference", "devices"):
        said = subprocess.run([f"{programs().name}/{name}"], capture_output=True, text=True, check=False)
        assert said.returncode == 2
        assert f"usage: {name} " in said.stderr


def test_the_fan_out_is_compared_with_the_c_program() -> None:
    table = fanout.run(seconds=0.3, count=4, rates=(40,), rounds=1, settled=0)
    names = [fanout.REFERENCE, *(way.name for way in fanout.CLAIMS)]
    rows = {row[0]: row for row in table.rows}
    assert list(rows)[: len(names)] == names, "motion is measured at low rates only"
    for name in names:
        fps, micros, ratio = (float(cell) for cell in rows[name][2:5])
        assert fps > 0, "pictures arrived and were counted"
        assert micros > 0
        assert ratio > 0
    assert shutil.which("motion") or "not installed" in table.as_text()


def test_latencies_are_of_pictures_and_of_commands() -> None:
    table = latency.run(seconds=0.5, count=3, rounds=1, commands=5)
    assert len(table.rows) == 5
    assert all(0 < float(row[1]) <= float(row[2]) for row in table.rows)


def test_pictures_are_counted_while_others_stop() -> None:
    table = endurance.stopped(seconds=1, count=2)
    assert len(table.rows) == len(endurance.WAYS) + 1
    assert all(0 < int(row[1]) < 2 * 100 for row in table.rows[:-1]), "two viewers, a second, 50 fps"


def test_who_comes_and_goes_is_counted() -> None:
    table = endurance.come_and_go(visits=4, at_once=2, within=1, patience=0)
    assert [row[0] for row in table.rows] == ["seconds", "MB", "threads", "descriptors"]


def test_boards_that_dial_in_are_counted_and_commanded() -> None:
    table = devices.run(seconds=1, count=2, viewers=1, rounds=1, warm_up=0.5)
    pictures, _, _, p50, p99, offline, _ = (float(row[1]) for row in table.rows)
    assert 0 < pictures < 40, "two cameras, 10 fps"
    assert 0 < p50 <= p99
    assert offline == 0


def test_what_a_page_of_recordings_waits_for_is_measured() -> None:
    table = recordings.run(count=1000, rounds=1, hour=3)
    assert len(table.rows) == 11
    assert all(float(row[1]) >= 1 for row in table.rows)


def test_what_a_person_waits_for_who_looks_back_is_measured() -> None:
    with ThreadPoolExecutor(1) as thread:  # the event loop of the tests' own browser stands in this one
        table = thread.submit(lookback.run, seconds=60, rounds=1).result()
    assert [row[0] for row in table.rows] == ["visit, h264", "seek, h264", "visit, mjpeg", "seek, mjpeg"]
    assert all(float(row[1]) >= 1 for row in table.rows)


def test_the_boards_own_firmware_is_measured() -> None:
    skip_without()
    table = boards.run(seconds=2, rounds=1, commands=8)
    missing, server, camera, *times = (float(row[1]) for row in table.rows)
    assert missing < 50
    assert server > 0
    assert camera > 0
    assert 0 < times[0] <= times[1]
    assert 0 < times[2] <= times[3]


def test_what_recording_costs_is_measured() -> None:
    table = recording.cost(seconds=1, count=1, rounds=1, settled=0.5)
    assert [row[0] for row in table.rows][:2] == ["CamProxy, the camera's own pictures", "CamProxy, H.264"]
    assert all(float(row[1]) > 0 for row in table.rows)


def test_what_each_size_takes_is_measured() -> None:
    table = recording.sizing(seconds=1, rates=(5,))
    assert len(table.rows) == len(recording.SIZES)
    assert all(float(row[2]) > float(row[4]) > 0 for row in table.rows), "copying is cheaper than encoding"


def test_that_many_record_at_once_is_measured() -> None:
    table = recording.many(seconds=2, count=3, viewers=2, rounds=1)
    arrived, lost, server, encoders, _, offline = (float(row[1]) for row in table.rows)
    assert 0 < arrived < 60, "three cameras, 10 fps"
    assert lost >= 0
    assert offline >= 0
    assert server > 0
    assert encoders > 0


def test_each_benchmark_can_be_tried_and_an_unknown_one_is_refused() -> None:
    assert QUICK.keys() == BENCHMARKS.keys() >= LONG.keys()
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks", "speed"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert said.returncode == 2
    assert "there is no speed" in said.stderr


@pytest.mark.parametrize(("measured", "expected"), [(1.5, ("1.5", YES)), (1.51, ("1.5", NO))])
def test_a_table_says_what_holds(measured: float, expected: tuple[str, str]) -> None:
    table = Table("Title", "How.", ("way ", "× C", "at most", "holds"))
    table.add("ours", f"{measured}", *verdict(measured, 1.5))
    assert table.rows == [("ours", f"{measured}", *expected)]
    assert table.missed == (expected[1] == NO)
    assert "| way " in table.as_markdown()
    assert table.as_text().startswith("Title\nHow.\n\nway ")


def test_rounds_are_told_by_their_median_and_their_spread() -> None:
    rounds = Rounds([3.0, 1.0, 2.0])
    assert (rounds.median, rounds.spread(".1f")) == (2.0, "(1.0 – 3.0)")
