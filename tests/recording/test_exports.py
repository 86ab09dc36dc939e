"""Exports with real files, a real ffmpeg and a real database."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from camproxy.errors import BadRequest, Conflict, NotFound, RateLimited, StorageFull
from camproxy.recording import exports as module
from camproxy.recording import film
from camproxy.recording.export import CANCELLED, DONE, FAILED, QUEUED, RUNNING, Export
from camproxy.recording.exports import Exports
from camproxy.recording.samples import Look
from tests.clocks import FakeClock
from tests.integration.people import wait_until
from tests.mounts import with_mounts
from tests.patience import PATIENCE
from tests.recording.playback import Played, decode, probe, run
from tests.recording.shelf import at, is_fast_to_start, longest_pause, shelve
from tests.recording.station import Station
from tests.running import PROJECT

pytestmark = pytest.mark.ffmpeg

FRAME = 0.1


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    """Two cameras that are not recorded now."""
    station = Station(tmp_path, [{"mode": "off"}, {"mode": "off"}])
    station.storage.prepare(used=False)
    yield station
    station.engine.dispose()


@pytest.fixture
def exports(station: Station, tmp_path: Path) -> Iterator[Exports]:
    exports = Exports(station.catalogue, station.storage, tmp_path / "exports", 0)
    exports.start()
    yield exports
    exports.stop()
    assert not list((tmp_path / "exports").iterdir())


def ordered(exports: Exports, begin: float, end: float, **more: float) -> Export:
    return exports.order(1, 1, at(begin), at(end), **more)


def made(exports: Exports, begin: float, end: float, **more: float) -> tuple[Export, Path, Played]:
    """A film that must come to be, of which all decodes."""
    export = ordered(exports, begin, end, **more)
    wait_until(lambda: export.is_over, "it is made", 2 * PATIENCE)
    assert export.state == DONE, export.error
    file = exports.file(export)
    played = probe(file)
    assert export.bytes == file.stat().st_size
    assert export.seconds == pytest.approx(played.seconds, abs=0.002)
    assert played.codec == "h264"
    assert level_of(file) <= 40, "a phone of ten years ago plays it"
    assert is_fast_to_start(file)
    assert [one.name for one in file.parent.iterdir() if one.name != "film.mp4"] == []
    return export, file, played


def level_of(file: Path) -> int:
    """Of H.264, times ten: how much a decoder has to manage."""
    said = run("ffprobe", "-v", "error", "-show_entries", "stream=level", "-of", "csv=p=0", str(file))
    return int(said)


def md5s(file: Path) -> list[str]:
    """Of each picture, decoded."""
    said = run("ffmpeg", "-v", "error", "-i", str(file), "-fps_mode", "passthrough", "-f", "framemd5", "-")
    return [line.rpartition(",")[2].strip() for line in said.splitlines() if not line.startswith("#")]


def test_h264_of_one_look_is_copied_and_cut_to_the_frame(station: Station, exports: Exports) -> None:
    first = shelve(station, 0, 5)
    second = shelve(station, 60, 5)
    _, file, played = made(exports, 1.65, 62.25)
    assert played.seconds == pytest.approx(5 - 1.65 + 2.25, abs=0.002)
    whole = [md5s(station.storage.file(row.path)) for row in (first, second)]
    assert md5s(file) == whole[0][16:] + whole[1][:23], "the very pictures, from the one that stood at the beginning"
    assert decode(file) == 34 + 23


def test_codecs_sizes_and_gaps_in_one_film(station: Station, exports: Exports, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Look | None] = []
    look_of = film._look_of
    monkeypatch.setattr(film, "_look_of", lambda file: looks.append(look_of(file)) or looks[-1])
    shelve(station, 0, 3, "mjpeg")
    shelve(station, 3, 3, "h264")
    shelve(station, 100, 3, "mjpeg", (320, 240))
    shelve(station, 103, 3, "mjpeg", (161, 241))
    shelve(station, 200, 3, "h264", crf=30)
    shelve(station, 0, 3, camera=2)
    export, file, played = made(exports, 1.05, 202.05)
    assert (played.width, played.height) == (320, 240), "that of the largest"
    assert played.seconds == pytest.approx(1.95 + 3 + 3 + 3 + 2.05, abs=FRAME)
    assert decode(file) == len(played.times) == 20 + 30 + 30 + 30 + 21
    assert longest_pause(played.times) < 2 * FRAME, "what was not recorded is left out"
    assert export.missing == []
    assert len(looks) == 5, "each is encoded by itself"
    assert len(set(looks)) == 1, "a decoder notices nothing where they are joined"


@pytest.mark.parametrize("codec", ["h264", "mjpeg"])
def test_times_stay_true_and_a_picture_stands_at_either_end(station: Station, exports: Exports, codec: str) -> None:
    shelve(station, 0, 0, codec, times=[0, 0.1, 0.25, 4.25, 4.3, 4.9, 9.0, 9.1])
    _, file, played = made(exports, 2.0, 7.5)
    assert played.seconds == pytest.approx(5.5, abs=0.002)
    shown = [at for at in played.times if at >= 0]
    assert shown == pytest.approx([0, 2.25, 2.3, 2.9], abs=0.002)
    assert decode(file) == 4


@pytest.mark.parametrize("codec", ["h264", "mjpeg"])
def test_a_clock_that_was_set_back_costs_nothing(station: Station, exports: Exports, codec: str) -> None:
    """There are two recordings of the same moments then: one after the other, from a keyframe each."""
    shelve(station, 0, 6, codec)
    shelve(station, 2.5, 6, codec)
    _, file, played = made(exports, 4.25, 7)
    spare = 0.75 if codec == "h264" else 0.0  # the second begins where it can be decoded
    assert played.seconds == pytest.approx(1.75 + 2.75 + spare, abs=FRAME)
    assert longest_pause([at for at in played.times if at >= 0]) < 2 * FRAME
    decode(file)


def test_the_repeated_hour_is_there_twice(station: Station, exports: Exports) -> None:
    """The night of 29 October 2023 in Berlin, from 2 to 3 summer time, and from 2 to 3 winter time."""
    night = datetime(2023, 10, 29, 0, 59, 57, tzinfo=UTC).timestamp() - at(0)
    paths = [shelve(station, night + begin, 3).path for begin in (0, 3)]
    assert [path.rpartition("/")[2] for path in paths] == ["02.mp4", "02-2.mp4"]
    _, _, played = made(exports, night + 1, night + 5)
    assert played.seconds == pytest.approx(4, abs=0.002)


@pytest.mark.parametrize("codec", ["h264", "mjpeg"])
@pytest.mark.parametrize(("speed", "fps"), [(2, 25), (7.5, 10), (60, 25), (600, 25), (3600, 60)])
def test_a_time_lapse(station: Station, exports: Exports, codec: str, speed: float, fps: int) -> None:
    shelve(station, 0, 0, codec, times=[n / 2 for n in range(600)])
    shelve(station, 400, 60, codec, (160, 120))
    _, file, played = made(exports, 30.3, 500, speed=speed, fps=fps)
    footage = 299.6 - 30.3 + 60  # the last picture of the first lasts a tenth
    assert played.seconds == pytest.approx(footage / speed, abs=1 / fps + 0.01)
    assert decode(file) == len([at for at in played.times if at >= 0])
    assert len(played.times) == pytest.approx(footage / speed * fps, abs=2)


def test_a_time_lapse_of_a_length(station: Station, exports: Exports) -> None:
    shelve(station, 0, 60, "mjpeg")
    shelve(station, 3600, 60, "h264", (320, 240))
    export, _, played = made(exports, 0, 7200, seconds=10)
    assert played.seconds == pytest.approx(10, abs=0.08)
    assert export.lapse
    assert export.lapse.speed == pytest.approx(12, abs=0.1)
    for seconds in (61, 3600):
        with pytest.raises(BadRequest, match="lasts 120 s"):
            ordered(exports, 0, 7200, seconds=seconds)


def test_what_is_being_recorded_is_taken_as_far_as_it_is_there(station: Station, exports: Exports) -> None:
    row = shelve(station, 0, 5, "mjpeg")
    file = station.storage.file(row.path)
    with station.session() as session:
        session.merge(row).ended_at = None
        session.commit()
    os.truncate(file, row.bytes * 3 // 5)
    _, _, played = made(exports, 0, 60)
    assert 2 < played.seconds < 4


def test_what_is_gone_is_said(station: Station, exports: Exports) -> None:
    rows = [shelve(station, begin, 3) for begin in (0, 10, 20)]
    station.storage.remove(rows[1].path)
    export, _, played = made(exports, 1, 30)
    assert played.seconds == pytest.approx(2 + 3, abs=0.01)
    assert export.missing == [(pytest.approx(at(10)), pytest.approx(at(13)))]
    for row in (rows[0], rows[2]):
        station.storage.file(row.path).write_bytes(b"no video any more")
    export = ordered(exports, 1, 30)
    wait_until(lambda: export.is_over, "it is over")
    assert export.state == FAILED
    assert "not there any more" in str(export.error)
    assert len(export.missing) == 3


def test_retention_may_take_it_while_it_is_made(
    station: Station, exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is open is still read; what comes later is missing."""
    rows = [shelve(station, begin, 3, "mjpeg") for begin in (0, 10)]
    looked = module.read_look

    def then_removed(*args: object) -> object:
        found = looked(*args)  # type: ignore[arg-type]
        if len(seen) == 1:
            station.storage.remove(rows[1].path)
        seen.append(found)
        return found

    seen: list[object] = []
    monkeypatch.setattr(module, "read_look", then_removed)
    export, _, played = made(exports, 0, 30)
    assert played.seconds == pytest.approx(3, abs=0.01)
    assert export.missing == [(pytest.approx(at(10)), pytest.approx(at(13)))]


def children() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # it has just ended
            if child.name() == "ffmpeg":
                found.append(child)
    return found


def test_cancelled_at_once(station: Station, exports: Exports, tmp_path: Path) -> None:
    shelve(station, 0, 300, "mjpeg", (640, 480))
    running, waiting = ordered(exports, 0, 300), ordered(exports, 0, 300)
    wait_until(lambda: running.progress > 0.01, "it is being made")
    assert (running.state, waiting.state) == (RUNNING, QUEUED)
    (ffmpeg,) = children()
    assert ffmpeg.nice() >= 15
    exports.end(waiting.id)
    exports.end(running.id)
    wait_until(lambda: not children(), "ffmpeg is gone")
    wait_until(lambda: not list((tmp_path / "exports").iterdir()), "and what it made")
    assert running.progress < 0.9, "it was not waited for its end"
    assert (running.state, waiting.state) == (CANCELLED, CANCELLED)
    exports.end(running.id)
    with pytest.raises(NotFound):
        exports.get(running.id)
    made(exports, 0, 2)


def test_a_stop_ends_ffmpeg(station: Station, exports: Exports) -> None:
    shelve(station, 0, 300, "mjpeg", (640, 480))
    export = ordered(exports, 0, 300)
    wait_until(lambda: children(), "it is being made")
    exports.stop()
    wait_until(lambda: not children(), "it has ended")
    assert export.state != DONE


def test_nobody_fills_the_queue(station: Station, tmp_path: Path) -> None:
    """One that is not started makes nothing."""
    shelve(station, 0, 2)
    exports = Exports(station.catalogue, station.storage, tmp_path / "exports", 0)
    mine = [ordered(exports, 0, 2) for _ in range(module.EACH)]
    with pytest.raises(RateLimited):
        ordered(exports, 0, 2)
    exports.end(mine[0].id)
    ordered(exports, 0, 2)
    for number in range(module.ALL - module.EACH - 1):
        exports.order(2 + number // module.EACH, 1, at(0), at(2))
    with pytest.raises(RateLimited):
        exports.order(99, 1, at(0), at(2))


def test_it_expires(station: Station, tmp_path: Path) -> None:
    shelve(station, 0, 2)
    clock = FakeClock()
    exports = Exports(station.catalogue, station.storage, tmp_path / "exports", 0, clock)
    exports.start()
    export, file, _ = made(exports, 0, 2)
    assert export.expires_at == clock.wall() + 86_400
    clock.advance(86_399)
    assert exports.all() == [export]
    clock.advance(2)
    assert exports.all() == []
    assert not file.exists()
    exports.stop()


def test_a_start_begins_with_nothing(station: Station, tmp_path: Path) -> None:
    left = tmp_path / "exports" / "of before"
    left.mkdir(parents=True)
    (left / "film.mp4").write_bytes(b"whatever")
    (tmp_path / "exports" / "a link").symlink_to(station.storage.root)
    exports = Exports(station.catalogue, station.storage, tmp_path / "exports", 0)
    exports.start()
    assert list((tmp_path / "exports").iterdir()) == []
    assert station.storage.marker.exists()
    exports.stop()


def test_a_camera_that_is_removed_takes_its_exports_along(station: Station, exports: Exports) -> None:
    shelve(station, 0, 2)
    export, file, _ = made(exports, 0, 2)
    with pytest.raises(Conflict):
        exports.file(Export("x", 1, 1, 0, 1, None, 0))
    exports.forget_camera(2)
    assert exports.get(export.id)
    exports.forget_camera(1)
    assert exports.all() == []
    assert not file.exists()


def test_it_leaves_room_for_the_recordings(station: Station, tmp_path: Path) -> None:
    shelve(station, 0, 2)
    free = shutil.disk_usage(tmp_path).free
    exports = Exports(station.catalogue, station.storage, tmp_path / "exports", free)
    with pytest.raises(StorageFull):
        ordered(exports, 0, 2)
    with pytest.raises(NotFound, match="Nothing was recorded"):
        ordered(exports, 50, 60)
    assert exports.all() == []


FULL = """
import sys
from pathlib import Path
from camproxy.recording.exports import Exports
from tests.integration.people import wait_until
from tests.recording.shelf import at, shelve
from tests.recording.station import Station
home, disk, reserve = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
station = Station(home, [{"mode": "off"}])
station.storage.prepare(used=False)
shelve(station, 0, 60, "mjpeg", (640, 480))
exports = Exports(station.catalogue, station.storage, disk / "exports", reserve)
exports._needed = lambda *_: 0.0  # as if it had been taken for much less
exports.start()
export = exports.order(1, 1, at(0), at(60))
wait_until(lambda: export.is_over, "it is over", 60)
assert export.state == "failed" and export.error.code == "storage_full", (export.state, export.error, export.bytes)
assert list((disk / "exports").iterdir()) == []
exports.stop()
station.engine.dispose()
print("good")
"""


@pytest.mark.parametrize(
    ("size", "reserve"),
    [(120, 0), (300, 0), (404, 0), (1000, 700_000)],
    ids=["while it is encoded", "while it is joined", "while its index is put in front", "recordings need the room"],
)
def test_a_disk_that_gets_full_ends_it(tmp_path: Path, size: int, reserve: int) -> None:
    """The film has 204 kB, and is there twice for a moment."""
    script = f'mkdir "$2" && mount -t tmpfs -o size={size}k tmpfs "$2" && exec "$5" -c "$4" "$1" "$2" "$3"'
    words = [str(tmp_path / "home"), str(tmp_path / "disk"), str(reserve), FULL, sys.executable]
    done = subprocess.run(
        [*with_mounts(script), *words], cwd=PROJECT, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.stdout == "good\n", done.stdout + done.stderr
