"""A camera whose time is in the test's hand, and its recorder with a real ffmpeg."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any
from zoneinfo import ZoneInfo

from camproxy.frames import FrameHub
from camproxy.recording.book import OFFLINE, Begun, Ended
from camproxy.recording.modes import CameraRecording
from camproxy.recording.recorder import Recorder
from camproxy.recording.storage import Storage
from tests.clocks import FakeClock
from tests.integration.people import wait_until
from tests.recording.playback import Played, decode, picture, probe

BERLIN = ZoneInfo("Europe/Berlin")
FOLDER = "AA-BB-CC-DD-EE-FF"
PICTURES = [picture(number) for number in range(20)]


class Notes:
    """A book that is only remembered."""

    def __init__(self) -> None:
        self.parts: dict[str, Begun] = {}
        self.ends: dict[str, Ended] = {}
        self.gaps: list[list[Any]] = []

    def begun(self, part: Begun) -> None:
        assert part.path not in self.parts
        self.parts[part.path] = part

    def ended(self, part: Ended) -> None:
        self.ends[part.path] = part

    def dropped(self, path: str) -> None:
        del self.parts[path]

    def gap_opened(self, camera_id: int, started_at: float, cause: str) -> None:
        self.gaps.append([cause, started_at, None])

    def gap_closed(self, camera_id: int, started_at: float, ended_at: float) -> None:
        (gap,) = [gap for gap in self.gaps if gap[1:] == [started_at, None]]
        gap[2] = ended_at

    def lengths(self) -> list[tuple[str, float | None]]:
        """Cause and seconds of each gap."""
        return [(cause, None if end is None else round(end - begin, 1)) for cause, begin, end in self.gaps]


class Studio:
    """Use as a context manager. `at` is the time on the wall when it begins."""

    def __init__(self, root: Path, at: str = "2023-12-01T08:15:00.05+01:00", **config: Any) -> None:
        self.clock = FakeClock(datetime.fromisoformat(at).timestamp())
        self.hub = FrameHub(largest=500_000, linger=0, clock=self.clock)
        self.storage = Storage(root / "recordings", 0, self.clock)
        self.storage.prepare(used=False)
        self.notes = Notes()
        self.config = CameraRecording(FOLDER, **({"mode": "continuous", "codec": "mjpeg"} | config))
        self.cause = OFFLINE
        self.recorder = self.new_recorder()

    def new_recorder(self) -> Recorder:
        return Recorder(1, self.hub, self.config, BERLIN, self.storage, self.notes, self.clock, lambda: self.cause)

    def __enter__(self) -> Studio:
        self.recorder.look()
        if self.recorder.watches:
            wait_until(lambda: self.hub.attached, "the recorder is there")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.recorder.stop(10)

    @staticmethod
    def first() -> bytes:
        return PICTURES[0]

    def film(self, seconds: float, fps: float = 10, width: int = 160, height: int = 120) -> None:
        """So many seconds of frames, each taken by the recorder before the next second."""
        for number in range(round(seconds * fps)):
            plain = (width, height) == (160, 120)
            self.hub.publish(PICTURES[number % 20] if plain else picture(number, width, height))
            self.clock.advance(1 / fps)
            if number % 10 == 9:
                self.catch_up()
        self.catch_up(behind=0)
        if self.config.codec == "mjpeg" and self.recorder.wants:
            wait_until(lambda: (part := self.recorder._part) and part.has_pictures, "ffmpeg has begun")
            self.recorder.look()

    def is_attached(self) -> bool:
        self.recorder.look()
        return self.hub.attached > 0

    def catch_up(self, behind: int = 3) -> None:
        """Until the recorder has seen all but so many."""

        def done() -> bool:
            if self.clock.monotonic() < self.recorder._not_before:
                self.clock.advance(0.1)  # it waits before it begins another ffmpeg
            return self.hub.received - self.recorder.taken <= behind

        self.recorder.look()
        if self.recorder.wants:
            wait_until(done, "the recorder keeps up")

    def wait(self, seconds: float) -> None:
        """Nothing comes for so long."""
        for _ in range(round(seconds)):
            self.clock.advance(1)
            self.recorder.look()

    def jump(self, seconds: float) -> None:
        """Somebody sets the clock on the wall."""
        self.clock.advance(seconds)
        self.clock._monotonic -= seconds

    def played(self) -> dict[str, Played]:
        """What is in the files, by day and hour, all of it decoded and compared with what was written down of it."""
        found = {}
        for path in sorted(self.storage.walk(), key=lambda path: self.notes.parts[path].started_at):
            file = self.storage.file(path)
            played = probe(file)
            begun, ended = self.notes.parts[path], self.notes.ends[path]
            assert decode(file) == len(played.times) == ended.frames
            assert file.stat().st_size == ended.bytes
            assert abs(ended.ended_at - begun.started_at - played.seconds) < 0.1
            found[path.removeprefix(f"{FOLDER}/")] = played
        assert len(found) == len(self.notes.parts) == len(self.notes.ends)
        return found

    def seconds(self) -> dict[str, float]:
        return {path: round(played.seconds, 1) for path, played in self.played().items()}
