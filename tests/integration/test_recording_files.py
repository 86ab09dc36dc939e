"""Recordings as players and pages fetch them: whole, in ranges, while they grow and while they go."""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from camproxy.frames import check_jpeg
from tests.integration.people import LARGEST, new_camera, wait_until
from tests.integration.recorded import ROOMY, begin, configure, end, file_of, index, record, recordings
from tests.recording.playback import decode, probe
from tests.running import Person, RunningServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("data"), **ROOMY)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def h264(admin: Person) -> dict[str, Any]:
    return record(admin, "h264", 2.0)


@pytest.fixture(scope="module")
def mjpeg(admin: Person) -> dict[str, Any]:
    return record(admin, "mjpeg", 1.0)


def fetch(person: Person, recording: dict[str, Any], range: str | None = None, **headers: str) -> requests.Response:
    if range is not None:
        headers["Range"] = range
    return person.get(f"/recordings/{recording['id']}/video", headers=headers)


def piece(person: Person, recording: dict[str, Any], offset: int, length: int) -> bytes:
    answer = fetch(person, recording, f"bytes={offset}-{offset + length - 1}")
    assert answer.status_code == 206
    assert len(answer.content) == length
    return answer.content


def test_each_fragment_plays_behind_the_head_of_the_file(admin: Person, h264: dict[str, Any], tmp_path: Path) -> None:
    told = index(admin, h264)
    stream = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "stream=level", "-of", "csv=p=0", str(file_of(admin, h264))],
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(rf"avc1\.6400{int(stream.stdout):02x}", told["codec"]), "High profile"
    assert told["mime"] == f'video/mp4; codecs="{told["codec"]}"'
    assert told["frames"] is None
    assert len(told["fragments"]) >= 2
    assert abs(told["seconds"] - h264["seconds"]) < 0.01
    head = piece(admin, h264, *told["init"])
    frames = 0
    for seconds, offset, length in told["fragments"]:
        part = tmp_path / f"{seconds}.mp4"
        part.write_bytes(head + piece(admin, h264, offset, length))
        frames += decode(part)
        assert probe(part).times[0] == pytest.approx(seconds, abs=0.001)
    assert frames == h264["frames"], "nothing lies between them"


def test_each_picture_of_a_copy_is_a_jpeg(admin: Person, mjpeg: dict[str, Any]) -> None:
    told = index(admin, mjpeg)
    assert (told["codec"], told["mime"], told["fragments"]) == ("mjpeg", "image/jpeg", [])
    assert len(told["frames"]) == mjpeg["frames"]
    times = probe(file_of(admin, mjpeg)).times
    assert [seconds for seconds, *_ in told["frames"]] == pytest.approx(times, abs=0.001)
    for _, offset, length in told["frames"]:
        assert check_jpeg(piece(admin, mjpeg, offset, length), LARGEST)


@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [
        ("0-9", 0, 10),
        ("10-", 10, None),
        ("-5", -5, None),
        ("7-7", 7, 8),
        ("3-99999999999", 3, None),
        ("-99999999", 0, None),
    ],
)
def test_a_range_is_answered_with_it(
    admin: Person, h264: dict[str, Any], asked: str, begin: int, end: int | None
) -> None:
    whole = file_of(admin, h264).read_bytes()
    answer = fetch(admin, h264, f"bytes={asked}")
    wanted = whole[begin:end]
    first = whole.index(wanted) if len(wanted) > 1 else 7
    assert (answer.status_code, answer.content) == (206, wanted)
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(wanted) - 1}/{len(whole)}"


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "bytes=abc", "bytes=9-1", "bytes=-", "seconds=1-2", "bytes", "bytes=²-3"]
)
def test_what_is_no_single_range_is_answered_with_all(admin: Person, h264: dict[str, Any], asked: str) -> None:
    answer = admin.get(f"/recordings/{h264['id']}/video", headers={"Range": asked.encode()})  # type: ignore[dict-item]
    assert answer.status_code == 200
    assert answer.content == file_of(admin, h264).read_bytes()
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_a_range_behind_the_end_is_refused(admin: Person, h264: dict[str, Any]) -> None:
    length = file_of(admin, h264).stat().st_size
    for asked in (f"{length}-", f"{length + 5}-{length + 9}"):
        answer = fetch(admin, h264, f"bytes={asked}")
        assert answer.status_code == 416
        assert answer.headers["Content-Range"] == f"bytes */{length}"


def test_its_tag_says_whether_it_is_the_same(admin: Person, h264: dict[str, Any]) -> None:
    tag = fetch(admin, h264, "bytes=0-0").headers["ETag"]
    assert not tag.startswith("W/"), "a weak one is no good for ranges"
    assert fetch(admin, h264, "bytes=0-9", **{"If-Range": tag}).status_code == 206
    assert fetch(admin, h264, "bytes=0-9", **{"If-Range": '"another"'}).status_code == 200
    kept = fetch(admin, h264, **{"If-None-Match": tag})
    assert (kept.status_code, kept.content) == (304, b"")


def test_the_head_of_an_answer_alone(admin: Person, h264: dict[str, Any]) -> None:
    address = f"/recordings/{h264['id']}/video"
    answer = admin.ask("HEAD", address)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) == file_of(admin, h264).stat().st_size
    assert answer.headers["Content-Type"] == "video/mp4"
    assert "Content-Disposition" not in answer.headers
    named = admin.ask("HEAD", f"{address}?download=1").headers["Content-Disposition"]
    assert re.fullmatch(r"attachment; filename=camera-\d+_\d{4}-\d\d-\d\d_\d\d\.mp4", named)


def test_a_file_that_grows_is_given_as_far_as_it_is_whole(admin: Person, tmp_path: Path) -> None:
    camera = new_camera(admin)
    growing = begin(admin, camera, "h264", 1.0)
    before = index(admin, growing)
    wait_until(lambda: len(index(admin, growing)["fragments"]) > len(before["fragments"]) + 1, "it grows")
    after = index(admin, growing)
    assert after["fragments"][: len(before["fragments"])] == before["fragments"], "what was told stays"
    answer = fetch(admin, growing)
    copy = tmp_path / "so far.mp4"
    copy.write_bytes(answer.content)
    assert decode(copy) >= len(after["fragments"])
    assert probe(copy).times[-1] >= after["fragments"][-1][0]
    assert int(answer.headers["Content-Length"]) >= sum(after["fragments"][-1][1:])
    last = after["fragments"][-1]
    assert admin.get(f"/recordings/{growing['id']}/thumbnail.jpg?at={last[0] + 1000}").ok, "the newest there is"
    ended = end(admin, camera)
    told = index(admin, ended)
    assert told["fragments"][: len(after["fragments"])] == after["fragments"]
    assert abs(told["seconds"] - ended["seconds"]) < 0.01


def test_thumbnails_are_small_near_the_moment_and_kept(
    admin: Person, h264: dict[str, Any], mjpeg: dict[str, Any]
) -> None:
    for recording in (h264, mjpeg):
        address = f"/recordings/{recording['id']}/thumbnail.jpg"
        sizes = {}
        for asked in (1, 160, 200, 320, 640, 4096):
            answer = admin.get(address, params={"width": asked, "at": 1})
            assert answer.headers["Content-Type"] == "image/jpeg"
            with Image.open(io.BytesIO(answer.content)) as image:
                image.load()
                sizes[asked] = image.width
                assert abs(image.height / image.width - recording["height"] / recording["width"]) < 0.02
        assert sizes == {1: 160, 160: 160, 200: 320, 320: 320, 640: 640, 4096: 640}
        first, second = admin.get(f"{address}?at=0"), admin.get(f"{address}?at=0")
        assert first.content == second.content
        again = admin.get(f"{address}?at=0", headers={"If-None-Match": first.headers["ETag"]})
        assert again.status_code == 304
        for wrong in ("at=-1", "at=NaN", "at=x", "width=0", "width=99999", "at=1e999", "size=3"):
            assert admin.get(f"{address}?{wrong}").status_code == 400, wrong
    kept = list((admin.server.data_dir / "thumbnails").rglob("*.jpg"))
    assert kept
    assert all(file.parent.stat().st_mode & 0o077 == 0 for file in kept)


def test_a_download_goes_on_while_retention_removes_the_file(admin: Person) -> None:
    """The camera's limit is set below what it has: the next look at the room removes it."""
    camera = new_camera(admin)
    assert admin.ask("PATCH", f"/api/cameras/{camera['id']}", {"fps": 25}).ok
    file = file_of(admin, begin(admin, camera, "mjpeg", fps=25))
    wait_until(lambda: file.stat().st_size > 1_100_000, "it is larger than the limit will be")
    doomed = end(admin, camera)
    whole = file.read_bytes()
    admin.get(f"/recordings/{doomed['id']}/thumbnail.jpg")
    with admin.server.connect(receive_buffer=4096) as sock:
        request = f"GET /recordings/{doomed['id']}/video HTTP/1.1\r\nHost: x\r\nCookie: {admin.cookie}\r\n\r\n"
        sock.sendall(request.encode())
        first = sock.recv(1)
        configure(admin, {"id": doomed["camera"]}, bytes=1_000_000)
        gone = f"/api/recordings/{doomed['id']}"
        wait_until(lambda: admin.get(gone).status_code == 404 and not file.exists(), "it is removed")
        assert read_all(sock, first) == whole
    wait_until(lambda: not list((admin.server.data_dir / "thumbnails" / str(doomed["id"])).glob("*")), "they go too")


def read_all(sock: socket.socket, begun: bytes) -> bytes:
    """The body of the answer."""
    received = begun
    while b"\r\n\r\n" not in received:
        received += sock.recv(4096)
    head, body = received.split(b"\r\n\r\n", 1)
    length = int(re.search(rb"content-length: (\d+)", head, re.I)[1])  # type: ignore[index]
    pieces = [body]
    while (left := length - sum(map(len, pieces))) > 0:
        pieces.append(sock.recv(min(left, 1 << 20)))
        assert pieces[-1], "it ended too early"
    return b"".join(pieces)


class TestNothingElseIsRead:
    @pytest.fixture
    def secret(self, tmp_path: Path) -> Path:
        file = tmp_path / "08.mp4"
        file.write_bytes(b"a secret of somebody else")
        return file

    @pytest.mark.parametrize("what", ["file", "day"])
    def test_no_link_is_followed(self, admin: Person, secret: Path, what: str) -> None:
        recording = record(admin, "mjpeg")
        file = file_of(admin, recording)
        if what == "file":
            file.unlink()
            file.symlink_to(secret)
        else:
            elsewhere = secret.parent / "elsewhere"
            file.parent.rename(elsewhere)
            file.parent.symlink_to(elsewhere)
        self.is_refused(admin, recording, 409)
        assert secret.exists()
        if what == "day":
            assert (secret.parent / "elsewhere" / file.name).exists()
            file.parent.unlink()
            (secret.parent / "elsewhere").rename(file.parent)
        assert recording["id"] in [one["id"] for one in recordings(admin)], "and its row stays"

    def test_no_other_path_is_opened_whatever_the_table_says(self, admin: Person, secret: Path) -> None:
        recording = record(admin, "mjpeg")
        up = "../" * 20
        for path in (f"{up}{secret}", str(secret), f"AA-BB-CC-DD-EE-FF/../{up}{secret}", "", "a\nb", "."):
            admin.server.execute(f"UPDATE recording SET path = '{path}' WHERE id = {recording['id']}")
            self.is_refused(admin, recording, 409)
            assert secret.exists()

    def test_a_pipe_is_not_waited_for(self, admin: Person) -> None:
        recording = record(admin, "mjpeg")
        file = file_of(admin, recording)
        file.unlink()
        os.mkfifo(file)
        self.is_refused(admin, recording, 204)

    @staticmethod
    def is_refused(admin: Person, recording: dict[str, Any], removal: int) -> None:
        for address in ("/recordings/{}/video", "/recordings/{}/thumbnail.jpg", "/api/recordings/{}/index"):
            answer = admin.get(address.format(recording["id"]))
            assert answer.status_code == 404, address
            assert "secret" not in answer.text
        assert admin.ask("DELETE", f"/api/recordings/{recording['id']}").status_code == removal

    @pytest.mark.parametrize(
        "number",
        ["..%2f..%2fetc%2fpasswd", "../../../etc/passwd", "%2fetc%2fpasswd", "1%00", "-1", "1.5", "²", "9" * 30],
    )
    def test_what_is_no_number_is_no_recording(self, admin: Person, h264: dict[str, Any], number: str) -> None:
        with admin.server.connect() as sock:  # the client's library would tidy the path up
            request = f"GET /recordings/{number}/video HTTP/1.1\r\nHost: x\r\nCookie: {admin.cookie}\r\n"
            sock.sendall(f"{request}Connection: close\r\n\r\n".encode())
            assert re.match(rb"HTTP/1.1 40[04] ", sock.recv(4096))


def test_a_file_that_is_gone_is_told_as_such(admin: Person) -> None:
    recording = record(admin, "mjpeg")
    file_of(admin, recording).unlink()
    answer = fetch(admin, recording)
    assert (answer.status_code, answer.json()["message"]) == (404, "The file of this recording is missing.")
    assert admin.ask("DELETE", f"/api/recordings/{recording['id']}").status_code == 204


def test_a_file_that_is_no_video_is_told_as_such(admin: Person) -> None:
    recording = record(admin, "mjpeg")
    file_of(admin, recording).write_bytes(b"\0\0\0\x10moov" + bytes(8))
    for address in ("/recordings/{}/thumbnail.jpg", "/api/recordings/{}/index"):
        answer = admin.get(address.format(recording["id"]))
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
