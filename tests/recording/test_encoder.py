"""The encoder with a real ffmpeg: true times, sizes, corrupt frames, and every way in which an ffmpeg can fail."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from itertools import accumulate, pairwise
from pathlib import Path

import pytest

from camproxy.recording import encoder as encoders
from camproxy.recording.encoder import Encoder, Encoding, command
from camproxy.recording.fed import EncoderFailed
from camproxy.recording.footage import Unreadable, read_footage, trim
from tests.clocks import FakeClock
from tests.integration.people import wait_until
from tests.recording.playback import decode, picture, probe

pytestmark = pytest.mark.ffmpeg

CODECS = ("h264", "mjpeg")
PICTURES = [picture(number) for number in range(20)]


def encode(path: Path, frames: list[tuple[float, bytes]], codec: str, width: int = 160, height: int = 120) -> None:
    with open(path, "xb") as file:
        encoder = Encoder(Encoding(codec, width, height, comment="a test"), file.fileno())
        for at, data in frames:
            encoder.write(data, at)
        assert encoder.finish(20)


@pytest.fixture(params=CODECS)
def codec(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def feed(encoder: Encoder, since: float = 0.0, pause: float = 0.0) -> None:
    """Frames without end: ten minutes of them."""
    for number in range(6000):
        encoder.write(PICTURES[number % 20], since + number / 10)
        time.sleep(pause)


def test_playback_lasts_as_long_as_reality_did(tmp_path: Path, codec: str) -> None:
    """Frames that come irregularly, in bursts, and not at all for a while."""
    dice = random.Random(5)
    pauses = [dice.choice([0.001, 0.03, 0.1, 0.1, 0.17, 0.9]) for _ in range(150)]
    pauses[50], pauses[100] = 8.5, 65.0
    times = list(accumulate(pauses, initial=0.0))
    file = tmp_path / "a.mp4"
    encode(file, [(at, PICTURES[number % 20]) for number, at in enumerate(times)], codec)
    played = probe(file)
    assert played.codec == codec
    assert (played.width, played.height) == (160, 120)
    assert len(played.times) == len(times) == decode(file)
    assert max(abs(shown - at) for shown, at in zip(played.times, times, strict=True)) < 0.01
    assert played.seconds == pytest.approx(times[-1] + 0.1, abs=0.1)
    footage = read_footage(file)
    assert (footage.frames, footage.codec, footage.width, footage.height) == (len(times), codec, 160, 120)
    assert footage.seconds == pytest.approx(played.seconds, abs=0.01)
    assert footage.comment == played.comment == "a test"
    assert footage.whole == file.stat().st_size


def test_frames_of_the_same_moment_are_shown_one_after_the_other(tmp_path: Path, codec: str) -> None:
    file = tmp_path / "a.mp4"
    encode(file, [(0.0, PICTURES[n]) for n in range(5)], codec)
    assert probe(file).times == [0.0, 0.001, 0.002, 0.003, 0.004]


@pytest.mark.parametrize(("width", "height"), [(161, 121), (160, 121), (1600, 1200), (8, 8)])
def test_every_size_of_picture(tmp_path: Path, codec: str, width: int, height: int) -> None:
    file = tmp_path / "a.mp4"
    encode(file, [(n / 10, picture(n, width, height)) for n in range(3)], codec, width, height)
    played = probe(file)
    even = (width + width % 2, height + height % 2) if codec == "h264" else (width, height)
    assert (played.width, played.height) == even
    assert decode(file) == 3


def test_a_sensor_may_change_its_colours(tmp_path: Path, codec: str) -> None:
    kinds: list[dict[str, object]] = [{"subsampling": 0}, {"subsampling": 1}, {"subsampling": 2}, {"progressive": True}]
    frames = [(n / 10, picture(n, **kinds[n % 4])) for n in range(12)]
    encode(tmp_path / "a.mp4", frames, codec)
    assert len(probe(tmp_path / "a.mp4").times) == decode(tmp_path / "a.mp4") == 12


def test_a_keyframe_a_second_in_time_and_only_one_after_a_pause(tmp_path: Path) -> None:
    times = [n / 10 for n in range(30)] + [60 + n / 10 for n in range(30)]
    encode(tmp_path / "a.mp4", [(at, PICTURES[n % 20]) for n, at in enumerate(times)], "h264")
    said = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "packet=pts_time,flags", "-of", "csv=p=0", tmp_path / "a.mp4"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    keyframes = [float(line.split(",")[0]) for line in said.splitlines() if "K" in line]
    assert keyframes == pytest.approx([0, 1, 2, 60, 61, 62])


def test_corrupt_frames_cost_themselves_and_nothing_else(tmp_path: Path, codec: str) -> None:
    """A tenth of them have a right head and end, and nonsense between."""
    dice = random.Random(7)

    def corrupt(data: bytes) -> bytes:
        middle = data[len(data) // 2 : -2]
        return data[: len(data) // 2] + dice.randbytes(len(middle)) + data[-2:]

    frames = [(n / 10, corrupt(PICTURES[n % 20]) if n % 10 == 5 else PICTURES[n % 20]) for n in range(200)]
    file = tmp_path / "a.mp4"
    encode(file, frames, codec)
    played = probe(file)
    assert played.seconds == pytest.approx(20, abs=0.1)
    good = [n / 10 for n in range(200) if n % 10 != 5]
    assert not [at for at in good if min(abs(at - shown) for shown in played.times) > 0.01]


@pytest.mark.parametrize("codec", CODECS)
def test_killed_at_any_moment_it_leaves_all_but_the_last_two_seconds(tmp_path: Path, codec: str) -> None:
    """Ten times each codec, together; what is left plays after its torn end is cut off."""
    dice = random.Random(11)
    running: list[tuple[Path, int, Encoder, int]] = []
    for number in range(10):
        file = tmp_path / f"{number}.mp4"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        running.append((file, descriptor, Encoder(Encoding(codec, 160, 120), descriptor), dice.randint(25, 60)))
    killed: dict[Path, int] = {}
    for frame in range(61):
        for file, _, encoder, last in running:
            if file not in killed:
                encoder.write(PICTURES[frame % 20], frame / 10)
                if frame == last:
                    # Once the frames of so long ago are in the file, as in the second that they took in reality.
                    wait_until(lambda file=file, frame=frame: played(file) >= frame / 10 - 1.1, "it keeps up")
                    time.sleep(dice.random() * 0.01)
                    encoder.kill()
                    killed[file] = frame
    for file, descriptor, encoder, last in running:
        with pytest.raises(EncoderFailed, match=r"it ended \(-9\)"):
            feed(encoder, since=last / 10 + 0.1)
        encoder.abandon()
        os.close(descriptor)
        footage = read_footage(file)
        trim(file, footage)
        assert file.stat().st_size == footage.whole
        assert decode(file) == footage.frames == len(probe(file).times)
        assert footage.seconds >= last / 10 - 2


def played(file: Path) -> float:
    try:
        return read_footage(file).seconds
    except Unreadable:
        return -1.0


def test_torn_anywhere_it_plays_up_to_there(tmp_path: Path, codec: str) -> None:
    file = tmp_path / "a.mp4"
    encode(file, [(n / 10, PICTURES[n % 20]) for n in range(40)], codec)
    whole, dice = file.read_bytes(), random.Random(3)
    lengths = []
    for length in sorted(dice.sample(range(len(whole)), 12)):
        torn = tmp_path / f"{length}.mp4"
        torn.write_bytes(whole[:length])
        if played(torn) < 0:
            continue
        footage = read_footage(torn)
        trim(torn, footage)
        assert decode(torn) == footage.frames
        lengths.append(footage.seconds)
    assert len(set(lengths)) > 2
    assert all(before <= after for before, after in pairwise(lengths))


@pytest.mark.parametrize("content", [b"", b"no video", bytes(1000), b"\xff" * 1000, b"\0\0\0\x08moof" * 3])
def test_what_is_no_recording_is_unreadable(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(Unreadable):
        read_footage(tmp_path / "a.mp4")


def test_a_slow_camera_is_no_stalled_encoder(tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / "a.mp4"
    with open(path, "xb") as file:
        encoder = Encoder(Encoding("h264", 160, 120, fps=1), file.fileno(), clock)
        for number in range(5):
            before = path.stat().st_size
            encoder.write(PICTURES[number], number * 20.0)
            if number:  # the one before is whole now
                wait_until(lambda before=before: path.stat().st_size > before, "it is in the file")
            clock.advance(20)  # longer than a stall may be
        assert encoder.finish(10)
    assert probe(tmp_path / "a.mp4").times == [0, 20, 40, 60, 80]


def test_a_pause_of_the_camera_is_no_stall(tmp_path: Path) -> None:
    """In the midst of a fragment, which is written only when the next begins."""
    clock, path = FakeClock(), tmp_path / "a.mp4"
    times = [n / 10 for n in range(18)] + [10.0]
    with open(path, "xb") as file:
        encoder = Encoder(Encoding("h264", 160, 120), file.fileno(), clock)
        clock.advance(0.5)  # so that it looks at its file between two keyframes
        for number, at in enumerate(times):
            if number == 15:
                wait_until(lambda: played(path) > 0.9, "its first second is written")
            clock.advance(at - times[max(number - 1, 0)])
            encoder.write(PICTURES[number], at)
        assert encoder.finish(10)
    assert probe(path).times == pytest.approx(times)


def test_no_room_is_told_apart_from_other_faults(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as file:
        encoder = Encoder(Encoding("mjpeg", 160, 120), file.fileno())
        with pytest.raises(EncoderFailed) as failed:
            feed(encoder)
        assert failed.value.disk_full
        encoder.abandon()


ORPHAN = """
import os, sys
from camproxy.recording.encoder import Encoder, Encoding
from tests.recording.playback import picture
encoder = Encoder(Encoding("mjpeg", 160, 120), os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT))
for number in range(30):
    encoder.write(picture(number), number / 10)
print(encoder.pid, flush=True)
sys.stdin.read()
"""


def test_when_the_server_is_killed_ffmpeg_ends_with_a_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    server = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with server:
        assert server.stdout
        pid = int(server.stdout.readline())
        server.kill()
    wait_until(lambda: not runs(pid), "ffmpeg has ended")
    assert decode(file) == read_footage(file).frames == 30


def runs(pid: int) -> bool:
    """Whether there is such a process, one that nobody has collected yet apart."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_no_path_and_no_name_is_in_the_arguments() -> None:
    words = command(Encoding("h264", 160, 120))
    assert words[-1] == "pipe:1"
    assert not [word for word in words[4:] if "/" in word]


@pytest.mark.parametrize("codec", CODECS)
def test_the_ffmpeg_that_pip_installs_does_as_well(tmp_path: Path, codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import imageio_ffmpeg

    monkeypatch.setattr(encoders, "ffmpeg", imageio_ffmpeg.get_ffmpeg_exe)
    assert command(Encoding(codec, 160, 120))[3] == imageio_ffmpeg.get_ffmpeg_exe()
    times = [0.0, 0.1, 0.5, 0.6, 3.0, 3.1]
    encode(tmp_path / "a.mp4", [(at, PICTURES[n]) for n, at in enumerate(times)], codec)
    assert probe(tmp_path / "a.mp4").times == pytest.approx(times, abs=0.01)
    assert decode(tmp_path / "a.mp4") == 6
