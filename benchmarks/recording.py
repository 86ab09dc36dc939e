"""What recording costs: H.264 and the camera's own pictures, `motion` beside us, and many cameras at once."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from contextlib import ExitStack
from io import BytesIO

from PIL import Image

from benchmarks import motion
from benchmarks.board import BoardProcess
from benchmarks.devices import Boards
from benchmarks.load import Viewers
from benchmarks.machine import CORES, Process
from benchmarks.server import Server, until
from benchmarks.table import Rounds, Table, verdict
from benchmarks.ways import WEBSOCKET
from camproxy.recording.capacity import picture
from camproxy.recording.encoder import Encoder, Encoding
from tests.integration.boards import enrol_all

FPS = 10
MB = 1 << 20
DAY = 86_400
#: What a board can be told to send.
SIZES = {"VGA": (640, 480), "SVGA": (800, 600), "XGA": (1024, 768), "UXGA": (1600, 1200)}


def cost(seconds: float = 10.0, count: int = 4, rounds: int = 3, settled: float = 5.0) -> Table:
    """CPU of one recording camera, everything that it takes included."""
    table = Table(
        f"Recording: CPU of one camera of {count}, SVGA, {FPS} fps",
        f"Each program has {count} cameras and {len(CORES)} cores: receiving the pictures and all its processes are "
        f"included. Medians of {rounds} windows of {seconds:g} s, in brackets the least and the most. `motion` records "
        "all the time too, as H.264, and looks for motion, which cannot be switched off.",
        ("way ", "% of a core", " ", "× motion", "GB a day"),
    )
    with BoardProcess(FPS) as board:
        shares = {}
        for codec in ("mjpeg", "h264"):
            with Server(*CORES) as server:
                names = record(server, [board.stream_url] * count, codec)
                until(lambda: bytes_of(server) > 0, "something is recorded")
                time.sleep(settled)
                grown = bytes_of(server), time.monotonic()
                shares[codec] = windows(server.worker, seconds, rounds, len(names))
                passed = time.monotonic() - grown[1]
                a_day = (bytes_of(server) - grown[0]) / passed / count * DAY / 1e9
            shares[codec] = shares[codec], f"{a_day:.0f}"
        reference = None
        if motion.installed():
            with motion.Recording(board.stream_url, FPS, count) as peer:
                time.sleep(settled)
                reference = windows(peer.process, seconds, rounds, count)
    names_of = {"mjpeg": "CamProxy, the camera's own pictures", "h264": "CamProxy, H.264"}
    for codec, (found, a_day) in shares.items():
        ratio = f"{found.median / reference.median:.2f}" if reference else "not installed"
        table.add(names_of[codec], f"{found.median:.1f}", found.spread(".1f"), ratio, a_day)
    if reference:
        table.add("motion, H.264", f"{reference.median:.1f}", reference.spread(".1f"), "1.00", "")
    return table


def many(seconds: float = 60.0, count: int = 50, viewers: int = 20, rounds: int = 6) -> Table:
    """All of them record their own pictures while people watch."""
    table = Table(
        f"{count} cameras × {FPS} fps record their own pictures, {viewers} viewers, {seconds:g} s",
        "The cameras dial in and push pictures of 24 KB; each viewer watches another. A frame is lost that came and is "
        f"in no file. Medians of {rounds} windows, in brackets the least and the most.",
        ("", "measured", "", "at most", "holds"),
    )
    with ExitStack() as stack:
        server = stack.enter_context(Server(*CORES, MAX_DEVICES=2 * count))
        enrolled = enrol_all(server.admin, "esp32cam", count)
        boards = stack.enter_context(Boards(server.port, enrolled))
        names = record(server, [f"device:{board.id}" for board in enrolled], "mjpeg")
        until(lambda: boards.told().sent > count, "all boards are in")
        for number in range(viewers):
            stack.enter_context(Viewers.of(server, WEBSOCKET, names[number % count], 1, "discard"))
        until(lambda: bytes_of(server) > 0, "something is recorded")
        time.sleep(min(seconds / 4, 5))
        worker, encoders = [], []
        lost, seen, begun = lost_frames(server), server.received(names), time.monotonic()
        written = bytes_of(server)
        for _ in range(rounds):
            at, own, theirs = time.monotonic(), server.worker.cpu, of_children(server.worker)
            time.sleep(seconds / rounds)
            passed = (time.monotonic() - at) * len(CORES)
            worker.append((server.worker.cpu - own) / passed * 100)
            encoders.append((of_children(server.worker) - theirs) / passed * 100)
        passed = time.monotonic() - begun
        seen = server.received(names) - seen
        lost = lost_frames(server) - lost
        rate = (bytes_of(server) - written) / passed
        offline = boards.told().ended
    table.add("pictures a second that came in", f"{seen / passed:.0f}")
    table.add("frames that are in no file", f"{lost}", "", *verdict(lost, 0))
    for name, shares in (("the server's", worker), ("all ffmpegs'", encoders)):
        found = Rounds(shares)
        table.add(f"{name} share of {len(CORES)} cores, %", f"{found.median:.0f}", found.spread(".0f"))
    table.add("written, MB a second", f"{rate / MB:.1f}")
    table.add("boards that went offline", f"{offline}", "", *verdict(offline, 0))
    return table


def sizing(seconds: float = 15.0, rates: tuple[int, ...] = (5, 10, 20)) -> Table:
    """What a camera takes by its size and rate, to choose a machine and a disk by."""
    table = Table(
        "Recording: one camera by size and rate",
        f"{seconds:g} s of drawn pictures with the noise of a sensor, in which somebody walks by, encoded as the "
        "recorder does it (CRF 23). How many bytes H.264 takes depends on what is seen.",
        ("size ", "fps", "H.264, % of a core", "GB a day", "own pictures, % of a core", "GB a day"),
    )
    for name, (width, height) in SIZES.items():
        pictures = [resized(picture(number), width, height) for number in range(20)]
        for fps in rates:
            cells = []
            for codec in ("h264", "mjpeg"):
                share, length = encoded(codec, pictures, (width, height), fps, seconds)
                cells += [f"{share:.1f}", f"{length / seconds * DAY / 1e9:.0f}"]
            table.add(f"{name} {width} × {height}", f"{fps}", *cells)
    return table


def encoded(codec: str, pictures: list[bytes], size: tuple[int, int], fps: int, seconds: float) -> tuple[float, int]:
    """Percent of a core that a camera takes at that rate, and how many bytes so many seconds take."""
    with tempfile.TemporaryFile() as file:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        encoder = Encoder(Encoding(codec, *size, fps), file.fileno())
        for number in range(round(seconds * fps)):
            encoder.write(pictures[number % len(pictures)], number / fps)
        if not encoder.finish(60):
            raise RuntimeError(encoder.last_words("ffmpeg failed"))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return used / seconds * 100, os.fstat(file.fileno()).st_size


def resized(jpeg: bytes, width: int, height: int) -> bytes:
    out = BytesIO()
    with Image.open(BytesIO(jpeg)) as image:
        image.resize((width, height), Image.Resampling.BICUBIC).save(out, "JPEG", quality=80)
    return out.getvalue()


def record(server: Server, urls: list[str], codec: str) -> list[str]:
    """Cameras that are recorded all the time from now on; their names."""
    names = [f"recorded-{number}" for number in range(len(urls))]
    for name, url in zip(names, urls, strict=True):
        server.add_camera(name, url, fps=FPS)
        # More than they send: what is lost is lost, and not one too many.
        settings = {"mode": "continuous", "codec": codec, "fps": 2 * FPS}
        answer = server.admin.ask("PUT", f"/api/cameras/{name}/recording", settings)
        assert answer.ok, answer.text
    return names


def lost_frames(server: Server) -> int:
    return sum(camera["lost"] for camera in server.admin.get("/stats").json()["recordings"]["cameras"])


def bytes_of(server: Server) -> int:
    """What is in the files so far."""
    return sum(file.stat().st_size for file in server.recordings.rglob("*.mp4"))


def family(process: Process) -> float:
    """Seconds of processor time of a process and its children that are there."""
    return process.cpu + of_children(process)


def of_children(process: Process) -> float:
    return sum(child.cpu for child in process.children)


def windows(process: Process, seconds: float, rounds: int, count: int) -> Rounds:
    """Percent of a core for each of `count` cameras."""
    shares = []
    for _ in range(rounds):
        at, used = time.monotonic(), family(process)
        time.sleep(seconds)
        shares.append((family(process) - used) / (time.monotonic() - at) / count * 100)
    return Rounds(shares)
