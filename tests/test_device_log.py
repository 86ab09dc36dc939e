"""What boards say is kept, found again, and never in anybody's way; on real disks, full ones among them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camproxy import device_log
from camproxy.device_log import DeviceLogs
from camproxy.device_log_file import LEVELS, LONGEST, DeviceLogFile, Line, harmless, level_of
from tests.clocks import FakeClock
from tests.integration.people import wait_until
from tests.mounts import with_mounts
from tests.patience import PATIENCE
from tests.running import PROJECT


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[DeviceLogs]:
    made = DeviceLogs(tmp_path / "devices", 1_000_000)
    made.start()
    yield made
    made.stop()


def messages(lines: list[Line]) -> list[str]:
    return [line.message for line in lines]


def line(number: int, message: str = "x", level: str = "info") -> Line:
    return Line(number, "2026-11-21T10:00:00.000Z", level, "device", message)


def stop(logs: DeviceLogs) -> None:
    """Until all is written, also where the disk takes longer than a server would wait for it."""
    logs.stop()
    logs._thread.join(PATIENCE)
    assert not logs._thread.is_alive()


def written(logs: DeviceLogs, count: int) -> None:
    wait_until(lambda: logs.state()["written"] + logs.state()["lost"] >= count, f"{count} lines are written")


def test_a_line_has_its_time_level_and_source(tmp_path: Path) -> None:
    logs = DeviceLogs(tmp_path / "devices", 1_000_000, FakeClock(wall=1_795_000_000.25))
    logs.start()
    logs.write(7, "W", "low heap: 21000 bytes", "device")
    logs.write(7, "info", "connected")
    stop(logs)
    stored = [json.loads(text) for text in (tmp_path / "devices" / "7.log").read_text().splitlines()]
    assert stored == [
        {
            "number": 1,
            "time": "2026-11-18T11:06:40.250Z",
            "level": "warning",
            "source": "device",
            "message": "low heap: 21000 bytes",
        },
        {
            "number": 2,
            "time": "2026-11-18T11:06:40.250Z",
            "level": "info",
            "source": "server",
            "message": "connected",
        },
    ]
    assert (tmp_path / "devices" / "7.log").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("WARN", "warning"),
        ("[E]", "error"),
        ("Fatal", "error"),
        ("verbose", "debug"),
        (" notice ", "info"),
        (1, "error"),
        ("2", "warning"),
        (5, "debug"),
        (40, "error"),
        ("20", "info"),
        ("", "info"),
        ("shrug", "info"),
        (-1, "info"),
    ],
)
def test_boards_have_many_words_for_a_level(said: str | int, level: str) -> None:
    assert level_of(said) == level


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("two\r\nlines", "two\\r\\nlines"),
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("abc\u202edef\u2066", "abc\\u202edef\\u2066"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("dialling ws://cam:pa55w0rd@10.0.0.7/ws", "dialling ws://cam:***@10.0.0.7/ws"),
        ("Authorization: Bearer abcdefgh12345", "Authorization: Bearer ***"),
        ("  spaces  ", "spaces"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_a_board_says_is_made_harmless(said: str, kept: str) -> None:
    assert harmless(said) == kept


@given(st.text(max_size=3000))
def test_whatever_is_said_stays_one_short_line(said: str) -> None:
    kept = harmless(said)
    assert len(kept) <= LONGEST
    assert len(kept.splitlines()) <= 1
    assert json.loads(json.dumps(kept).encode()) == kept
    kept.encode()


def test_the_newest_is_found_first_by_text_and_by_level(logs: DeviceLogs) -> None:
    for level, message in (("debug", "Frame 1"), ("info", "frame 2"), ("error", "FRAME 3"), ("warning", "heap")):
        logs.write(1, level, message, "device")
    logs.write(2, "info", "another board's frame", "device")
    written(logs, 5)
    assert messages(logs.search(1)) == ["heap", "FRAME 3", "frame 2", "Frame 1"]
    assert messages(logs.search(1, "frame")) == ["FRAME 3", "frame 2", "Frame 1"]
    assert messages(logs.search(1, "frame", level="info")) == ["FRAME 3", "frame 2"]
    assert messages(logs.search(1, level="warning", limit=1)) == ["heap"]
    assert messages(logs.search(2)) == ["another board's frame"]
    assert logs.search(3) == []


def test_pages_follow_each_other_over_rotated_files(tmp_path: Path) -> None:
    file = DeviceLogFile(tmp_path / "1.log", 10_000)
    for number in range(1, 251):
        file.append([line(file.next_number(), f"line {number} " + "x" * 20)])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["1.log", "1.log.1", "1.log.2"]
    assert all(each.stat().st_size <= 10_000 for each in tmp_path.iterdir())
    found: list[int] = []
    before = None
    while page := file.search(before=before, limit=7):
        found += [each.number for each in page]
        before = page[-1].number
    assert found == list(range(250, found[-1] - 1, -1))
    assert len(found) > 160, "two files full, and one begun"
    assert messages(file.search("line 249 ", limit=5)) == ["line 249 " + "x" * 20]


def test_no_more_is_read_than_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = DeviceLogFile(tmp_path / "1.log", 1_000_000)
    file.append([line(number, "x" * 200) for number in range(1, 9001)])
    parsed = []
    from camproxy import device_log_file

    original = device_log_file.parse
    monkeypatch.setattr(device_log_file, "parse", lambda raw: parsed.append(raw) or original(raw))
    assert [each.number for each in file.search(limit=5)] == [9000, 8999, 8998, 8997, 8996]
    assert len(parsed) <= 6
    parsed.clear()
    oldest = file.files[2]
    first = json.loads(oldest.read_bytes().split(b"\n")[0])["number"]
    assert [each.number for each in file.search(before=first + 2)] == [first + 1, first]
    assert len(parsed) < len(oldest.read_bytes().split(b"\n")) + 5, "newer files are not looked through"


def test_a_batch_larger_than_a_file_is_split(tmp_path: Path) -> None:
    file = DeviceLogFile(tmp_path / "1.log", 10_000)
    file.append([line(number, "y" * 900) for number in range(1, 101)])
    assert all(each.stat().st_size <= 10_000 for each in tmp_path.iterdir())
    numbers = [each.number for each in file.lines()]
    assert numbers == list(range(100, numbers[-1] - 1, -1))
    assert len(numbers) > 16, "two files full, and one begun"


def test_who_reads_while_it_rotates_sees_no_line_twice(tmp_path: Path) -> None:
    file = DeviceLogFile(tmp_path / "1.log", 10_000)
    file.append([line(file.next_number(), "z" * 80) for _ in range(150)])
    reading = file.lines()
    seen = [next(reading).number for _ in range(3)]
    file.append([line(file.next_number(), "z" * 80) for _ in range(60)])
    seen += [each.number for each in reading]
    assert seen == sorted(set(seen), reverse=True)


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    for round_ in range(3):
        logs = DeviceLogs(tmp_path, 10_000)
        logs.start()
        logs.write(1, "info", f"round {round_}")
        stop(logs)
    assert [each.number for each in DeviceLogs(tmp_path, 10_000).search(1)] == [3, 2, 1]


@pytest.mark.parametrize("rest", ['{"number": 3, "time": "2026-', "", "\0" * 70_000, "null\n[]\n{}\n", "\xff\xfe"])
def test_a_line_that_was_cut_off_harms_no_other(tmp_path: Path, rest: str) -> None:
    file = DeviceLogFile(tmp_path / "1.log", 1_000_000)
    file.append([line(1, "before"), line(2, "also before")])
    with (tmp_path / "1.log").open("ab") as handle:
        handle.write(rest.encode("latin-1"))
    again = DeviceLogFile(tmp_path / "1.log", 1_000_000)
    again.append([line(again.next_number(), "after")])
    assert [(each.number, each.message) for each in again.search()] == [
        (3, "after"),
        (2, "also before"),
        (1, "before"),
    ]


KILLED = """
import os, sys, threading
from pathlib import Path
from camproxy import device_log_file
from camproxy.device_log_file import DeviceLogFile, Line
write = os.write
def half(descriptor, data):
    if b"half" in data:
        write(descriptor, bytes(data[:len(data) // 2]))
        print("half", flush=True)
        threading.Event().wait()
    return write(descriptor, data)
device_log_file.os.write = half
file = DeviceLogFile(Path(sys.argv[1]), 100_000)
for message in ("one", "two", "half"):
    file.append([Line(file.next_number(), "2026-11-21T10:00:00.000Z", "info", "device", message)])
"""


def test_a_process_that_is_killed_in_the_middle_of_a_line_loses_only_that(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, path], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "half\n"
        process.send_signal(signal.SIGKILL)
    assert not path.read_bytes().endswith(b"\n")
    file = DeviceLogFile(path, 100_000)
    assert messages(file.search()) == ["two", "one"]
    file.append([line(file.next_number(), "three")])
    assert messages(file.search()) == ["three", "two", "one"]


def test_a_flood_is_bounded_counted_and_told(tmp_path: Path) -> None:
    logs = DeviceLogs(tmp_path, 1_000_000)
    logs.start()
    begun = time.monotonic()
    for number in range(20_000):
        logs.write(1, "info", f"flood {number}", "device")
    spent = time.monotonic() - begun
    logs.write(1, "info", "connected")  # the server's own lines, and other boards, are not kept out by it
    logs.write(2, "info", "here", "device")
    assert spent < 5, "writing does not wait"
    wait_until(lambda: logs.search(1, "too fast"), "the log says that lines are missing, without another line")
    stop(logs)
    found = logs.search(1, "flood", limit=20_000)
    assert 20 <= len(found) <= 21 + spent * 20
    told = logs.search(1, "too fast", limit=1000)
    assert sum(int(each.message.split()[0]) for each in told) == 20_000 - len(found) == logs.state()["dropped"]
    assert {(each.level, each.source) for each in told} == {("warning", "server")}
    assert messages(logs.search(1, "connected")) == ["connected"]
    assert messages(logs.search(2)) == ["here"]


def test_who_writes_does_not_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    append = DeviceLogFile.append

    def stuck(file: DeviceLogFile, lines: list[Line]) -> None:
        free.wait(PATIENCE)
        append(file, lines)

    monkeypatch.setattr(DeviceLogFile, "append", stuck)
    logs = DeviceLogs(tmp_path, 1_000_000)
    logs.start()
    begun = time.monotonic()
    for device in range(1, 601):
        for number in range(10):
            logs.write(device, "info", f"{number}")
    assert time.monotonic() - begun < 5
    assert logs.state()["waiting"] <= device_log.ROOM
    assert logs.state()["dropped"] >= 6000 - 2 * device_log.ROOM
    logs.stop()
    assert logs._thread.is_alive(), "it is not waited for"
    free.set()
    stop(logs)
    stored = sum(len(logs.search(device, level="debug")) for device in range(1, 601))
    gaps = sum(len(logs.search(device, "too fast")) for device in range(1, 601))
    assert stored - gaps == 6000 - logs.state()["dropped"]


FULL = """
import os, sys, time
from pathlib import Path
from camproxy.device_log import DeviceLogs
import logging
logging.basicConfig(format="%(levelname)s %(message)s")
logging.getLogger().setLevel("INFO")
directory = Path(sys.argv[1])
logs = DeviceLogs(directory / "devices", 100_000)
heard = []
logs.listeners.append(lambda device, line: heard.append(line.message))
def until(holds):
    for _ in range(1000):
        if holds(): return
        time.sleep(0.01)
    raise SystemExit("not within 10 s")
logs.start()
logs.write(1, "info", "before")
until(lambda: logs.state()["written"] == 1)
filler = directory / "filler"
with filler.open("wb", buffering=0) as handle:
    try:
        while True: handle.write(b"x" * 4096)
    except OSError: pass
with logs._changed:  # taken together, so that what is lost is told once
    for number in range(9):
        logs.write(1, "info", f"while full {number} " + "y" * 900)
until(lambda: logs.state()["lost"] + logs.state()["written"] == 10)
lost = logs.state()["lost"]
assert lost > 0 and logs.state()["failing"] == "No space left on device", logs.state()
filler.unlink()
logs.write(1, "info", "after")
until(lambda: logs.state()["failing"] is None)
logs.stop()
assert len(heard) == 12, heard
for line in logs.search(1):
    print(line.message)
print("lost", lost)
"""


def test_a_full_disk_is_told_once_and_it_goes_on(tmp_path: Path) -> None:
    command = with_mounts(f'mount -t tmpfs -o size=64k tmpfs {tmp_path} && exec "$@"')
    done = subprocess.run(
        [*command, sys.executable, "-c", FULL, tmp_path],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        "WARNING the logs of devices cannot be stored: No space left on device",
        "INFO the logs of devices are stored again",
    ]
    *found, told = done.stdout.splitlines()
    lost = int(told.split()[1])
    assert found[0] == "after"
    assert found[1] == f"{lost} lines could not be stored and are missing here"
    assert found[-1] == "before"


def test_lines_are_told_live_in_order_and_a_listener_that_fails_spoils_nothing(
    logs: DeviceLogs, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[tuple[int, str]] = []
    done = threading.Event()

    def fails(device: int, line: Line) -> None:
        raise RuntimeError("not today")

    def listen(device: int, line: Line) -> None:
        heard.append((device, line.message))
        if line.message == "last":
            done.set()

    logs.listeners += [fails, listen]
    for number in range(5):
        logs.write(1, "info", f"{number}", "device")
    logs.write(1, "info", "last", "device")
    assert done.wait(PATIENCE)
    assert heard == [(1, "0"), (1, "1"), (1, "2"), (1, "3"), (1, "4"), (1, "last")]
    assert "not today" in caplog.text


def test_a_device_that_is_removed_leaves_nothing(logs: DeviceLogs, tmp_path: Path) -> None:
    logs.write(1, "info", "one")
    logs.write(2, "info", "two")
    written(logs, 2)
    logs.forget(1)
    logs.forget(99)
    assert [file.name for file in (tmp_path / "devices").iterdir()] == ["2.log"]
    assert logs.search(1) == []
    logs.write(1, "info", "again")
    written(logs, 3)
    assert [(each.number, each.message) for each in logs.search(1)] == [(1, "again")]


def test_nor_does_what_was_on_its_way_to_the_disk(tmp_path: Path) -> None:
    logs = DeviceLogs(tmp_path / "devices", 1_000_000)
    begun, forgotten = threading.Event(), threading.Event()

    def hold_up(device: int, line: Line) -> None:
        begun.set()
        assert forgotten.wait(PATIENCE)

    logs.listeners.append(hold_up)
    for device in (1, 2):
        logs.write(device, "info", "all in one go")
    logs.start()
    assert begun.wait(PATIENCE)
    logs.forget(2)
    forgotten.set()
    logs.stop()
    assert [file.name for file in (tmp_path / "devices").iterdir()] == ["1.log"]


def test_a_path_comes_from_a_number_only(logs: DeviceLogs) -> None:
    with pytest.raises(ValueError, match="format"):
        logs.search("../../robocam")  # type: ignore[arg-type]


def test_it_can_be_stopped_without_a_start_and_twice(tmp_path: Path) -> None:
    logs = DeviceLogs(tmp_path / "devices", 10_000)
    logs.stop()
    logs.write(1, "info", "too late")
    assert logs.state() == {"waiting": 0, "written": 0, "dropped": 1, "lost": 0, "failing": None}
    assert set(LEVELS) == {"debug", "info", "warning", "error"}
    assert not (tmp_path / "devices").exists()
