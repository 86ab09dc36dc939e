"""Exports at the real server: who may have which, what comes down the line, and what a kill leaves behind."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.people import Account, issue_token, new_person, permit, wait_until
from tests.recording.playback import decode, probe
from tests.recording.shelf import shelve
from tests.recording.station import Station
from tests.running import Person, RunningServer

pytestmark = pytest.mark.ffmpeg

MakeServer = Callable[..., RunningServer]
HOUR = {"from": "2023-12-01T08:00:00Z", "to": "2023-12-01T09:00:00Z"}


def fill(home: Path) -> None:
    """Ten seconds of camera 1, with a gap in between, and a long recording of camera 2 that takes time to encode."""
    home.mkdir(parents=True, exist_ok=True)
    station = Station(home, [{"mode": "off"}, {"mode": "off"}])
    station.storage.prepare(used=False)
    shelve(station, 0, 5)
    shelve(station, 100, 5, "mjpeg", (320, 240))
    shelve(station, 0, 300, "mjpeg", (640, 480), camera=2)
    station.engine.dispose()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    home = tmp_path_factory.mktemp("data")
    fill(home)
    running = RunningServer(home, RECORDING_TIMEZONE="Europe/Berlin", RECORDING_FREE_BYTES=0)
    yield running
    running.stop()


def order(person: Person, camera: int | str = 1, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = person.made("/api/exports", {"camera": camera} | HOUR | more)
    return made


def shown(person: Person, export: dict[str, Any]) -> dict[str, Any]:
    now: dict[str, Any] = person.get(f"/api/exports/{export['id']}").json()
    return now


def finished(person: Person, export: dict[str, Any]) -> dict[str, Any]:
    wait_until(lambda: shown(person, export)["state"] not in ("queued", "running"), "it is over", 60)
    return shown(person, export)


def audited(admin: Person, action: str) -> list[dict[str, Any]]:
    return [row for row in admin.get("/api/audit").json()["items"] if row["action"] == action]


def test_from_the_order_to_the_file(admin: Person, tmp_path: Path) -> None:
    ordered = order(admin, "c1")
    assert (ordered["camera"], ordered["kind"]) == (1, "video")
    assert ordered["state"] in ("queued", "running"), "its turn may have come before it was answered"
    assert (ordered["from"], ordered["to"]) == (HOUR["from"], HOUR["to"])
    done = finished(admin, ordered)
    assert (done["state"], done["progress"], done["error"], done["missing"]) == ("done", 1, None, [])
    answer = admin.get(f"/exports/{done['id']}/file")
    assert answer.headers["Content-Type"] == "video/mp4"
    assert "c1 2023-12-01 09-00-00 to 10-00-00.mp4" in answer.headers["Content-Disposition"]
    assert len(answer.content) == done["bytes"]
    file = tmp_path / "film.mp4"
    file.write_bytes(answer.content)
    played = probe(file)
    assert (played.codec, played.width, played.height) == ("h264", 320, 240)
    assert played.seconds == pytest.approx(10, abs=0.1)
    assert decode(file) == len(played.times) == 100
    part = admin.get(f"/exports/{done['id']}/file", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, answer.content[100:200])
    wait_until(lambda: len(audited(admin, "export_downloaded")) == 1, "it is written down, once")
    (row,) = audited(admin, "export_ordered")
    assert (row["who"], row["subject"]) == ("admin", "Camera 1")
    assert admin.ask("DELETE", f"/api/exports/{done['id']}").status_code == 204
    assert admin.get(f"/exports/{done['id']}/file").status_code == 404
    assert not (admin.server.data_dir / "exports" / done["id"]).exists()


def test_a_time_lapse(admin: Person) -> None:
    done = finished(admin, order(admin, kind="timelapse", speed=10, fps=10))
    assert (done["state"], done["kind"], done["speed"], done["fps"]) == ("done", "timelapse", 10, 10)
    assert done["seconds"] == pytest.approx(1, abs=0.1)
    assert "(10x).mp4" in admin.get(f"/exports/{done['id']}/file").headers["Content-Disposition"]
    shorter = finished(admin, order(admin, kind="timelapse", seconds=2))
    assert shorter["speed"] == pytest.approx(5, abs=0.1)
    assert shorter["seconds"] == pytest.approx(2, abs=0.1)


@pytest.fixture
def viewer(admin: Person) -> Iterator[tuple[Account, Person]]:
    account, person = new_person(admin, "viewer")
    with person:
        yield account, person


def test_who_may_have_which(admin: Person, viewer: tuple[Account, Person]) -> None:
    account, person = viewer
    _, other = new_person(admin, "operator")
    own = finished(person, order(person))
    assert own["state"] == "done"
    with other:
        for method, path in (("GET", "/api/exports/{}"), ("DELETE", "/api/exports/{}"), ("GET", "/exports/{}/file")):
            assert other.ask(method, path.format(own["id"])).status_code == 404
        assert other.get("/api/exports").json()["exports"] == []
    assert [one["id"] for one in person.get("/api/exports").json()["exports"]] == [own["id"]]
    assert own["id"] in [one["id"] for one in admin.get("/api/exports").json()["exports"]]
    _, token = issue_token(person)
    bearer = {"Authorization": f"Bearer {token}"}
    assert person.get(f"/exports/{own['id']}/file", headers=bearer).ok
    permit(admin, account, {"id": 1}, "none")
    assert person.get(f"/exports/{own['id']}/file").status_code == 404, "permission is asked again"
    assert person.get(f"/exports/{own['id']}/file", headers=bearer).status_code == 404
    assert person.get("/api/exports").json()["exports"] == []
    assert person.ask("POST", "/api/exports", {"camera": 1} | HOUR).status_code == 404
    assert admin.get(f"/exports/{own['id']}/file").ok
    person.http.cookies.clear()
    assert person.get(f"/exports/{own['id']}/file").status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"camera": "nowhere"}, 404),
        ({"camera": "../1"}, 404),
        ({"from": "2023-12-01T10:00:00Z", "to": "2023-12-01T11:00:00Z"}, 404),
        ({"from": "2023-12-01T09:00:00Z"}, 400),
        ({"to": "2023-12-02T08:00:01Z"}, 400),
        ({"kind": "timelapse", "speed": 60, "to": "2024-01-01T08:00:01Z"}, 400),
        ({"from": "2023-12-01T08:00:00"}, 400),
        ({"from": "0001-01-01T00:00:00+14:00", "to": "0001-01-01T10:00:00Z"}, 400),
        ({"from": "9999-12-31T23:00:00-14:00", "to": "9999-12-31T23:59:59-14:00"}, 400),
        ({"kind": "timelapse"}, 400),
        ({"kind": "timelapse", "speed": 60, "seconds": 1}, 400),
        ({"kind": "timelapse", "speed": 1.5}, 400),
        ({"kind": "timelapse", "speed": "-i /etc/passwd"}, 400),
        ({"kind": "timelapse", "seconds": 3600}, 400),
        ({"kind": "timelapse", "speed": 60, "fps": 0}, 400),
        ({"speed": 60}, 400),
        ({"kind": "film; rm -rf /"}, 400),
        ({"path": "/etc/passwd"}, 400),
    ],
)
def test_what_cannot_be(admin: Person, body: dict[str, Any], status: int) -> None:
    answer = admin.ask("POST", "/api/exports", {"camera": 1} | HOUR | body)
    assert answer.status_code == status, answer.text
    assert answer.json()["message"]


@pytest.mark.parametrize("export_id", ["..", "../../instance", "%2e%2e", "x" * 3000, "film.mp4"])
def test_an_id_is_no_path(admin: Person, export_id: str) -> None:
    for path in (f"/exports/{export_id}/file", f"/api/exports/{export_id}"):
        assert admin.get(path).status_code == 404


def test_no_more_than_ten(admin: Person, viewer: tuple[Account, Person]) -> None:
    _, person = viewer
    mine = [order(person, 2) for _ in range(10)]
    refused = person.ask("POST", "/api/exports", {"camera": 1} | HOUR)
    assert (refused.status_code, refused.json()["error"]) == (429, "rate_limited")
    for export in mine:
        assert person.ask("DELETE", f"/api/exports/{export['id']}").status_code == 204
    assert {one["state"] for one in person.get("/api/exports").json()["exports"]} == {"cancelled"}


def encoding(server: RunningServer) -> list[psutil.Process]:
    """The ffmpeg that it runs."""
    found = []
    for one in psutil.Process(server.process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            found += [one] if one.name() == "ffmpeg" else []
    return found


def test_cancelled_at_once(admin: Person) -> None:
    export = order(admin, 2)
    wait_until(lambda: shown(admin, export)["progress"] > 0.01, "it is being made")
    (ffmpeg,) = encoding(admin.server)
    assert admin.get(f"/exports/{export['id']}/file").status_code == 409, "not yet"
    assert admin.ask("DELETE", f"/api/exports/{export['id']}").status_code == 204
    wait_until(lambda: not ffmpeg.is_running(), "ffmpeg is gone")
    now = shown(admin, export)
    assert now["state"] == "cancelled"
    assert now["progress"] < 1, "it was not waited for"
    wait_until(lambda: not (admin.server.data_dir / "exports" / export["id"]).exists(), "with all that it made")


def test_a_camera_that_is_removed_takes_them_along(make_server: MakeServer, tmp_path: Path) -> None:
    fill(tmp_path / "home")
    server = make_server(data_dir=tmp_path / "home", RECORDING_FREE_BYTES=0)
    with server.person() as admin:
        done, running = finished(admin, order(admin)), order(admin, 2)
        for number in (1, 2):
            assert admin.ask("DELETE", f"/api/cameras/{number}").status_code == 204
        for export in (done, running):
            assert admin.get(f"/api/exports/{export['id']}").status_code == 404
        wait_until(lambda: not list((server.data_dir / "exports").iterdir()), "nothing is left")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_end_of_the_server_leaves_nothing(make_server: MakeServer, tmp_path: Path, how: signal.Signals) -> None:
    """Neither an ffmpeg nor, after the next start, a file."""
    home = tmp_path / "home"
    fill(home)
    server = make_server(data_dir=home, RECORDING_FREE_BYTES=0)
    with server.person() as admin:
        finished(admin, order(admin))
        export = order(admin, 2)
        wait_until(lambda: shown(admin, export)["progress"] > 0.01, "it is being made")
    family = psutil.Process(server.process.pid).children(recursive=True)
    (ffmpeg,) = encoding(server)
    if how == signal.SIGKILL:
        for one in [one for one in family if one != ffmpeg]:
            one.kill()
    server.stop(how)
    wait_until(lambda: not ffmpeg.is_running(), "ffmpeg has ended by itself")
    again = make_server(data_dir=home, RECORDING_FREE_BYTES=0)
    assert list((home / "exports").iterdir()) == []
    with again.person() as admin:
        assert admin.get("/api/exports").json()["exports"] == []
        assert finished(admin, order(admin))["state"] == "done"
