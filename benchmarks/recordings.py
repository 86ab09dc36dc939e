"""What a page waits for when it shows recordings: lists and timelines of many, and the first picture of a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import create_engine, insert

from benchmarks.server import Server
from benchmarks.table import Rounds, Table, verdict
from camproxy.recording.encoder import Encoder, Encoding
from camproxy.recording.storage import Storage
from camproxy.settings import load
from models import Recording
from tests.recording.playback import picture
from tests.running import Person

CAMERAS = 10
MONTH = timedelta(days=31)
#: The newest ended then.
END = datetime(2026, 1, 1, tzinfo=UTC)
#: Pictures of an hour of each codec: of what is encoded fewer, for it takes as long as encoding does.
FPS = {"h264": 2, "mjpeg": 10}
PICTURES = [picture(number) for number in range(20)]
WAIT, SEEK = 200, 500


def run(count: int = 100_000, rounds: int = 15, hour: int = 3600) -> Table:
    table = Table(
        "Recordings: what a page waits for, milliseconds",
        f"{count:,} rows of {CAMERAS} cameras in 31 days, over HTTP and loopback, by people with a log-in. A seek is "
        f"the index of a file of {hour:,} s, its head and one fragment, by ranges; the first time the server has to "
        f"read the file for that. Medians of {rounds}, in brackets the least and the most.",
        ("", "measured", "", "at most", "holds"),
    )
    with Server(RECORDING_DAYS=36_500, RECORDING_FREE_BYTES=0) as server:
        for number in range(2, CAMERAS + 1):
            server.add_camera(f"Camera {number}", "demo:garden", enabled=False)
        insert_rows(server, rows(count))
        for name, person, path in questions(server):
            add(table, name, [timed(partial(answer, person, path)) for _ in range(rounds)], WAIT)
        first_id = count + 1
        for codec in FPS:
            numbers = range(first_id, first_id + rounds)
            make_film(server, codec, hour, numbers)
            add(table, f"seek in {codec}, the first time", [seek(server.admin, number) for number in numbers], SEEK)
            add(table, f"seek in {codec}, again", [seek(server.admin, numbers[-1]) for _ in numbers], SEEK)
            first_id += rounds
    return table


def add(table: Table, name: str, seconds: list[float], at_most: float) -> None:
    found = Rounds([1000 * one for one in seconds])
    table.add(name, f"{found.median:.0f}", found.spread(".0f"), *verdict(found.median, at_most))


def rows(count: int) -> list[dict[str, Any]]:
    """One camera after the other, without a gap, in as many parts as there have to be."""
    each = count // CAMERAS
    return [
        row(camera, END - MONTH + part * MONTH / each, MONTH / each) for part in range(each) for camera in range(1, 11)
    ]


def row(camera: int, began: datetime, lasted: timedelta, path: str = "", **more: Any) -> dict[str, Any]:
    values = {"camera_id": camera, "started_at": began, "ended_at": began + lasted, "zone": "UTC", "codec": "h264"}
    values |= {"path": path or f"AA-BB-CC-DD-EE-{camera:02X}/{began:%Y-%m-%d/%H}.mp4", "state": "complete"}
    return values | {"bytes": 1, "frames": 1, "width": 800, "height": 600} | more


def insert_rows(server: Server, values: list[dict[str, Any]]) -> None:
    engine = create_engine(load(server.settings).database)
    with engine.begin() as connection:
        connection.execute(insert(Recording), values)
    engine.dispose()


def questions(server: Server) -> list[tuple[str, Person, str]]:
    """What is asked, and by whom; the watcher may see all cameras but one."""
    middle = (END - MONTH / 2).isoformat().replace("+00:00", "Z")
    following = server.admin.get(f"/recordings?to={middle}").json()["next"]
    day, end = (at.isoformat().replace("+00:00", "Z") for at in (END - timedelta(days=1), END))
    begin = (END - MONTH).isoformat().replace("+00:00", "Z")
    return [
        ("list, the newest 100", server.admin, "/recordings"),
        ("list, a page in the middle", server.admin, f"/recordings?cursor={following}"),
        ("list, for who may not see all", server.watcher, f"/recordings?cursor={following}"),
        ("list, of a camera and a day", server.watcher, f"/recordings?camera=2&from={day}&to={end}"),
        ("list, what is protected: none", server.admin, "/recordings?protected=true"),
        ("timeline of a day", server.watcher, f"/api/cameras/2/timeline?from={day}&to={end}"),
        ("timeline of 31 days", server.watcher, f"/api/cameras/2/timeline?from={begin}&to={end}"),
    ]


def make_film(server: Server, codec: str, seconds: int, numbers: range) -> None:
    """One file, and so many rows of it: what the server remembers of one of them is not of use for the others."""
    made = Storage(server.recordings, 0).create(f"AA-BB-CC-DD-FF-0{FPS[codec] % 9}", 0, UTC)
    encoder = Encoder(Encoding(codec, 160, 120, FPS[codec]), made.descriptor)
    for number in range(seconds * FPS[codec]):
        encoder.write(PICTURES[number % 20], number / FPS[codec])
    if not encoder.finish(60):
        raise RuntimeError("the film could not be made")
    long = timedelta(seconds=seconds)
    insert_rows(server, [row(1, END, long, str(made.path), id=number, codec=codec) for number in numbers])


def seek(person: Person, number: int) -> float:
    """To somewhere in the middle, as a page does."""

    def fetch(offset: int, length: int) -> None:
        wanted = {"Range": f"bytes={offset}-{offset + length - 1}"}
        if len(answer(person, f"/recordings/{number}/video", headers=wanted).content) != length:
            raise RuntimeError("that is not what was asked for")

    def ask() -> None:
        index = answer(person, f"/api/recordings/{number}/index").json()
        places = index["fragments"] or index["frames"]
        fetch(*index["init"])
        fetch(*places[len(places) * 2 // 3][1:])

    return timed(ask)


def answer(person: Person, path: str, **options: Any) -> Any:
    found = person.get(path, **options)
    found.raise_for_status()
    return found


def timed(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun
