"""/stats and /metrics: true figures, for admins only."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from camproxy.recording.capacity import cores, this_machine
from tests.integration.people import new_person, wait_until
from tests.integration.recorded import configure
from tests.running import Person, RunningServer

PROJECT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def admin(server: RunningServer) -> Iterator[Person]:
    with server.person() as person:
        yield person


def samples(person: Person) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    answer = person.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_who_watches_and_what_was_sent(admin: Person) -> None:
    before = admin.get("/stats").json()
    views = [admin.view("demo") for _ in range(3)]
    listener = admin.listen()
    listener.next("video_frame")
    for view in views:
        frames = 0
        while frames < 6:
            frames += isinstance(view.recv(), bytes)
    now, scraped = admin.get("/stats").json(), samples(admin)
    assert (now["clients"], now["viewers"]) == (1, 3)
    assert now["frames_sent"] >= before["frames_sent"] + 15
    (camera,) = now["cameras"]
    assert (camera["slug"], camera["state"], camera["viewers"]) == ("demo", "live", 4)
    assert scraped["camproxy_clients",] == 1
    assert scraped["camproxy_viewers",] == 3, "their sockets were handed over"
    assert scraped["camproxy_camera_viewers", "demo"] == 4
    assert scraped["camproxy_camera_up", "demo"] == 1
    assert scraped["camproxy_frames_sent_total", "socket"] >= 15
    assert scraped["camproxy_frames_sent_total", "socketio"] >= 1
    frames, data = scraped["camproxy_camera_frames_total", "demo"], scraped["camproxy_camera_frame_bytes_total", "demo"]
    assert 1_000 < data / frames < 100_000
    assert scraped["camproxy_camera_bad_frames_total", "demo", "truncated"] == 0


def test_the_process_and_the_machine(admin: Person) -> None:
    stats = admin.get("/stats").json()
    children = Path(f"/proc/{admin.server.process.pid}/task/{admin.server.process.pid}/children").read_text().split()
    status = Path(f"/proc/{children[0]}/status").read_text()
    resident = int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) * 1024
    assert stats["process"]["resident_bytes"] == pytest.approx(resident, rel=0.1)
    assert 0 < stats["process"]["cpu_seconds"] < 60
    assert 0 < stats["process"]["uptime_seconds"] < 600
    assert stats["process"]["threads"] > 5
    assert 0 < stats["machine"]["disk_free_bytes"] < stats["machine"]["disk_bytes"]
    assert stats["port"] == admin.server.port


def test_how_many_cameras_can_be_recorded(admin: Person) -> None:
    """Measured since somebody asks, in the background."""
    assert admin.get("/stats").json()["capacity"].keys() == {"h264", "mjpeg", "used"}
    wait_until(lambda: admin.get("/stats").json()["capacity"]["h264"] is not None, "it is measured", 90)
    measured = admin.get("/stats").json()["capacity"]
    assert 0 < measured["h264"] < measured["mjpeg"]
    assert measured["used"] == 0
    wait_until((admin.server.data_dir / "capacity.json").exists, "it is kept")


def test_too_many_cameras_are_an_alarm(make_server: Callable[..., RunningServer], tmp_path: Path) -> None:
    """On a machine that was found to manage hardly one."""
    home = tmp_path / "home"
    home.mkdir()
    slow = {"ffmpeg": 0.08 * cores(), "own": 0.0001, "memory": 1000}
    (home / "capacity.json").write_text(json.dumps(this_machine() | {"h264": slow, "mjpeg": slow}))
    server = make_server(data_dir=home, RECORDING_FREE_BYTES=0)
    with server.person() as admin:
        wait_until(lambda: admin.get("/stats").json()["capacity"]["h264"] == 0, "it is known")
        assert admin.get("/health").json()["causes"] == []
        configure(admin, {"id": 1}, mode="motion", codec="mjpeg", fps=10)
        wait_until(lambda: admin.get("/stats").json()["capacity"]["used"] > 1, "it is counted")
        (cause,) = admin.get("/health").json()["causes"]
    assert "of what this machine can record" in cause


def test_requests_are_counted_by_route_and_warnings_by_level(admin: Person) -> None:
    before = samples(admin)
    for number in range(5):
        admin.get(f"/nowhere-{number}")
    admin.ask("TRICK", "/")
    requests.get(f"{admin.server.url}/socket.io/", headers={"Origin": "https://elsewhere.example"}, timeout=10)
    now = samples(admin)
    name = "camproxy_http_request_duration_seconds_count"
    assert now[name, "GET", "none", "404"] - before.get((name, "GET", "none", "404"), 0) == 5
    assert [key for key in now if key[0] == name and key[1] == "other"], "names of methods are not the asker's"
    assert now["camproxy_log_messages_total", "warning"] > before["camproxy_log_messages_total", "warning"]


FROZEN = """
import gc, os
import app
assert app.app
print(gc.get_freeze_count(), len(gc.get_objects()), flush=True)
os._exit(0)
"""


def test_what_stays_for_ever_is_not_looked_through_again(admin: Person, tmp_path: Path) -> None:
    """A full collection stops everything: a tenth of a second, and half a one on a small board."""
    environment = os.environ | {"DATA_DIR": str(tmp_path), "ADMIN_PASSWORD": "correct horse battery"}
    asked = subprocess.run(
        [sys.executable, "-c", FROZEN], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    )
    frozen, looked_through = map(int, asked.stdout.split())
    assert frozen > 20 * looked_through

    collections = ("python_gc_collections_total", "0")
    before = samples(admin)[collections]
    wait_until(lambda: admin.get("/api/cameras").ok and samples(admin)[collections] > before, "the rest is collected")


def test_a_scraper_brings_a_token_and_others_get_nothing(server: RunningServer, admin: Person) -> None:
    token = admin.made("/api/me/tokens", {"name": "prometheus"})["token"]
    for path in ("/metrics", "/stats"):
        assert requests.get(server.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=10).ok
        assert requests.get(server.url + path, timeout=10).status_code == 401
        _, person = new_person(admin)
        with person:
            assert person.get(path).status_code == 403


def test_a_browser_gets_a_page(admin: Person) -> None:
    page = admin.get("/stats", headers={"Accept": "text/html"})
    assert page.headers["Content-Type"].startswith("text/html")
    assert "server_page.js" in page.text


def test_the_document_names_every_metric(admin: Person) -> None:
    documented = set(re.findall(r"`(camproxy_\w+)`", (PROJECT / "docs" / "protocol.md").read_text()))
    served = {
        family.name + ("_total" if family.type == "counter" else "_info" if family.type == "info" else "")
        for family in text_string_to_metric_families(admin.get("/metrics").text)
        if family.name.startswith("camproxy_")
    }
    assert documented == served
