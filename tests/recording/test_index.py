"""Where in a file each moment is, and small pictures of it: with files of a real ffmpeg, whole, growing and torn."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from camproxy.errors import Unavailable
from camproxy.recording import thumbnails
from camproxy.recording.boxes import Track, Unreadable
from camproxy.recording.encoder import Encoder, Encoding
from camproxy.recording.index import Index, Indexes, read_index
from camproxy.recording.storage import Storage
from camproxy.recording.thumbnails import Thumbnails
from tests.patience import PATIENCE
from tests.recording.playback import picture
from tests.recording.studio import BERLIN, FOLDER, PICTURES

Film = Callable[..., str]


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    made = Storage(tmp_path / "recordings", 0)
    made.prepare(used=False)
    return made


@pytest.fixture
def film(storage: Storage) -> Film:
    """A recording of so many seconds, at four pictures a second; its path."""

    def make(codec: str = "mjpeg", seconds: float = 5, width: int = 160, height: int = 120) -> str:
        made = storage.create(FOLDER, 0, BERLIN)
        encoder = Encoder(Encoding(codec, width, height, 4), made.descriptor)
        for number in range(round(4 * seconds)):
            encoder.write(picture(number, width, height), number / 4)
        assert encoder.finish(20)
        os.close(made.descriptor)
        return str(made.path)

    return make


def test_a_moment_is_found(storage: Storage, film: Film) -> None:
    for codec, step in (("h264", 1.0), ("mjpeg", 0.25)):
        with storage.open(film(codec)) as file:
            index = read_index(file)
        begins = [begin for begin, *_ in index.spans]
        assert begins == [number * step for number in range(round(5 / step))]
        assert index.seconds == 5.0
        assert index.at(-1)[0] == 0.0
        assert index.at(2.1)[0] == 2.0
        assert index.at(1000)[0] == begins[-1]
        assert index.track.codec_string.startswith("mjpeg" if codec == "mjpeg" else "avc1.6400")


def test_whatever_there_is_of_a_file_that_grows_is_read_once(storage: Storage, film: Film, tmp_path: Path) -> None:
    """Byte by byte would take long: in steps that end anywhere in a box."""
    for codec in ("h264", "mjpeg"):
        path = film(codec)
        with storage.open(path) as file:
            whole = read_index(file)
            data = file.seek(0) or file.read()
        growing = tmp_path / "growing.mp4"
        index: Index | None = None
        known: list[tuple[float, int, int]] = []
        for length in [*range(0, len(data), 577), len(data)]:
            growing.write_bytes(data[:length])
            with growing.open("rb") as file:
                try:
                    index = read_index(file, index)
                except Unreadable:
                    assert not known, "what was there stays"
                    continue
            assert list(index.spans)[: len(known)] == known
            assert index.whole <= length
            known = list(index.spans)
        assert index
        assert known == list(whole.spans)
        assert (index.seconds, index.head, index.whole) == (whole.seconds, whole.head, len(data))


def test_a_file_that_lies_is_read_to_no_place_outside(storage: Storage, film: Film) -> None:
    """Any byte of its heads may be wrong: there is an index within the file, or none."""
    path = film("mjpeg", 1)
    file = storage.file(path)
    data = file.read_bytes()
    for at in range(0, data.index(b"\xff\xd8"), 5):
        for wrong in (0x00, 0xFF):
            file.write_bytes(data[:at] + bytes([wrong]) + data[at + 1 :])
            with storage.open(path) as damaged:
                try:
                    index = read_index(damaged)
                    assert index.track.codec_string
                except Unreadable:
                    continue
            assert all(0 < offset <= offset + length <= len(data) for _, offset, length in index.spans)
            assert index.head <= index.whole <= len(data)


def test_what_says_no_codec_is_refused() -> None:
    with pytest.raises(Unreadable):
        Track(b"")


def test_an_index_is_read_again_only_when_the_file_has_grown(storage: Storage, film: Film) -> None:
    indexes = Indexes(storage)
    path = film()
    first = indexes.of(1, path)
    assert indexes.of(1, path) is first
    with storage.file(path).open("ab") as file:
        file.write(b"\0\0\0\x08free")
    again = indexes.of(1, path)
    assert again is not first
    assert list(again.spans) == list(first.spans)


class TestThumbnails:
    @pytest.mark.parametrize("codec", ["h264", "mjpeg"])
    def test_they_show_the_moment(self, storage: Storage, film: Film, tmp_path: Path, codec: str) -> None:
        path = film(codec, 3, 800, 600)
        made = Thumbnails(Indexes(storage), tmp_path / "thumbnails")
        shown = {}
        for at in (0, 2):
            with Image.open(io.BytesIO(made.get(7, path, at, 320))) as small:
                assert small.size == (320, 240)
                with Image.open(io.BytesIO(picture(4 * at, 800, 600))) as large:
                    shown[at] = difference(small, large)
        assert max(shown.values()) < 3
        assert sorted(file.name for file in (tmp_path / "thumbnails" / "7").iterdir()) == ["0-320.jpg", "2-320.jpg"]

    def test_a_small_picture_stays_as_it_is(self, storage: Storage, film: Film, tmp_path: Path) -> None:
        made = Thumbnails(Indexes(storage), tmp_path / "thumbnails")
        assert made.get(1, film("mjpeg"), 0, 160) == PICTURES[0]

    def test_only_so_many_bytes_are_kept_and_those_last_asked_for(
        self, storage: Storage, film: Film, tmp_path: Path
    ) -> None:
        path, folder = film("mjpeg", 12), tmp_path / "thumbnails"
        size = len(PICTURES[0])
        made = Thumbnails(Indexes(storage), folder, kept=6 * size)
        for at in range(12):
            made.get(1, path, at, 160)
            made.get(1, path, 0, 160)
            kept = [file.stat().st_size for file in folder.rglob("*.jpg")]
            assert sum(kept) <= 6 * size
        names = {file.name for file in folder.rglob("*.jpg")}
        assert {"0-160.jpg", "11-160.jpg"} <= names
        assert "1-160.jpg" not in names

    def test_they_go_with_their_recording(self, storage: Storage, film: Film, tmp_path: Path) -> None:
        made = Thumbnails(Indexes(storage), tmp_path / "thumbnails")
        made.get(1, film(), 0, 160)
        made.forget(1)
        made.forget(2)
        assert list((tmp_path / "thumbnails").rglob("*.jpg")) == []

    def test_only_so_many_are_made_at_once(
        self, storage: Storage, film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The others wait for their turn, but not for ever."""
        monkeypatch.setattr(thumbnails, "TURN_WITHIN", 0.05)
        goes_on, busy = threading.Event(), threading.Semaphore(0)

        class Slow(Indexes):
            def open(self, recording_id: int, path: str) -> object:  # type: ignore[override]
                busy.release()
                assert goes_on.wait(PATIENCE)
                return super().open(recording_id, path)

        made, path = Thumbnails(Slow(storage), tmp_path / "thumbnails"), film()
        threads = [threading.Thread(target=made.get, args=(number, path, 0, 160)) for number in range(2)]
        for thread in threads:
            thread.start()
        for _ in threads:
            assert busy.acquire(timeout=PATIENCE)
        with pytest.raises(Unavailable):
            made.get(3, path, 0, 160)
        goes_on.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert made.get(3, path, 0, 160)

    def test_a_broken_picture_is_none(self, storage: Storage, film: Film, tmp_path: Path) -> None:
        for codec in ("h264", "mjpeg"):
            path = film(codec, 2, 800, 600)
            with storage.open(path) as file:
                _, offset, length = read_index(file).at(0)
            with storage.file(path).open("r+b") as damaged:
                damaged.seek(offset + (200 if codec == "h264" else 0))
                damaged.write(bytes(length - 200))
            with pytest.raises(Unreadable):
                Thumbnails(Indexes(storage), tmp_path / "thumbnails").get(1, path, 0, 320)


def difference(small: Image.Image, large: Image.Image) -> float:
    """Of their brightness, on average, from 0 to 255."""
    ours, theirs = (image.convert("L").resize((32, 24)).tobytes() for image in (small, large))
    return sum(abs(one - other) for one, other in zip(ours, theirs, strict=True)) / len(ours)
