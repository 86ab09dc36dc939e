"""Motion on a real server: boards push pictures in which somebody appears, or say that their PIR sees something."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import cycle
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
import websocket
from PIL import Image

from tests.fakes.devices import FakeCamera
from tests.integration.boards import Enrolled, enrol
from tests.integration.people import new_person, permit, wait_until
from tests.motion.test_background import picture
from tests.recording.playback import decode, probe
from tests.running import Listener, Person, RunningServer

MakeServer = Callable[..., RunningServer]

STILL = [picture() for _ in range(5)]
SOMEBODY = [picture((x, 200)) for x in range(100, 600, 60)]
FPS = 10


class Yard:
    """A camera whose board dials in, and pushes what the test wants to be seen."""

    def __init__(self, admin: Person) -> None:
        self.admin = admin
        self.board: Enrolled = enrol(admin, "esp32cam")
        self.device: FakeCamera = self.board.come()
        made = {"name": f"Yard {self.board.id}", "url": f"device:{self.board.id}", "everyone": "none"}
        self.row: dict[str, Any] = admin.made("/api/cameras", made)
        self.path = f"/api/cameras/{self.row['slug']}/motion"
        self.somebody = False
        self._ending = threading.Event()
        self._films = threading.Thread(target=self._film)
        self._films.start()
        wait_until(lambda: self.status()["frames"]["received"], "its pictures come")

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.admin.get(f"/api/cameras/{self.row['slug']}").json()["status"]
        return found

    def _film(self) -> None:
        still, somebody = cycle(STILL), cycle(SOMEBODY)
        with suppress(OSError, websocket.WebSocketException):
            while not self._ending.wait(1 / FPS):
                self.device.push(picture=next(somebody if self.somebody else still))

    def look_out(self, **settings: Any) -> None:
        """For motion, until the background is known."""
        answer = self.admin.ask("PUT", self.path, {"enabled": True} | settings)
        assert answer.ok, answer.text
        wait_until(lambda: self.now()["state"] == "still", "it is looked at")

    def now(self) -> dict[str, Any]:
        found: dict[str, Any] = self.admin.get(self.path).json()["now"]
        return found

    def events(self, person: Person | None = None, **query: Any) -> list[dict[str, Any]]:
        answer = (person or self.admin).get("/api/events", params={"camera": self.row["slug"]} | query)
        assert answer.ok, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    def next(self, page: Listener, over: bool) -> dict[str, Any]:
        found: dict[str, Any] = page.until(
            "motion", lambda news: news["camera"] == self.row["id"] and bool(news["to"]) == over
        )
        return found

    def close(self) -> None:
        self._ending.set()
        self._films.join()
        self.device.close()


@pytest.fixture
def yard(admin: Person) -> Iterator[Yard]:
    made = Yard(admin)
    yield made
    made.close()


def ask_for_thumbnail(person: Person, event: dict[str, Any]) -> Any:
    return person.get(f"/api/events/{event['id']}/thumbnail.jpg")


@pytest.mark.ffmpeg
@pytest.mark.both_databases
def test_somebody_is_seen_told_recorded_and_listed(admin: Person, yard: Yard, tmp_path: Path) -> None:
    how = {"mode": "motion", "codec": "mjpeg", "pre_seconds": 1.5, "post_seconds": 0}
    assert admin.ask("PUT", f"/api/cameras/{yard.row['slug']}/recording", how).ok
    wait_until(lambda: yard.status()["state"] == "live", "its pictures are wanted", 60)
    page = admin.listen({"subscribe": False})
    yard.look_out()
    threading.Event().wait(2.0)  # the pre-roll is of something
    yard.somebody = True
    begun = yard.next(page, over=False)
    assert begun["source"] == "picture"
    assert begun["score"] > 0
    wait_until(lambda: yard.now()["state"] == "moving", "that is its state too")
    wait_until(lambda: [event["thumbnail"] for event in yard.events()] == [True], "it has a picture while it goes on")
    assert yard.events()[0]["ended_at"] is None
    yard.somebody = False
    assert yard.next(page, over=True)["from"] == begun["from"]
    wait_until(lambda: yard.events()[0]["ended_at"], "its end is written down")
    (event,) = yard.events(kind="motion")
    assert (event["kind"], event["source"], event["camera"]) == ("motion", "picture", yard.row["id"])
    assert event["score"] >= begun["score"]

    jpeg = ask_for_thumbnail(admin, event)
    assert jpeg.headers["Content-Type"] == "image/jpeg"
    known = {"If-None-Match": jpeg.headers["ETag"]}
    assert admin.get(f"/api/events/{event['id']}/thumbnail.jpg", headers=known).status_code == 304
    with Image.open(BytesIO(jpeg.content)) as small:
        small.load()
        assert small.size == (320, 240)
        bright = small.convert("L").crop((0, 80, 320, 112)).point(lambda value: 255 * (value > 235))
        assert bright.histogram()[255] > 400, "somebody is in it"

    def recordings() -> list[dict[str, Any]]:
        found = admin.get("/recordings", params={"camera": yard.row["id"], "state": "complete"})
        items: list[dict[str, Any]] = found.json()["recordings"]
        return items

    wait_until(recordings, "the recording is over")
    (recording,) = recordings()
    file = tmp_path / "recorded.mp4"
    file.write_bytes(admin.get(f"/recordings/{recording['id']}/video").content)
    assert decode(file) == recording["frames"] > FPS
    before = (moment(event["at"]) - moment(recording["started_at"])).total_seconds()
    assert 0.5 < before < 1.6, "the pre-roll, as far as pictures came just then"
    assert probe(file).seconds > before + 3
    (marked,) = timeline(yard)["events"]
    assert (marked["id"], marked["source"], marked["thumbnail"]) == (event["id"], "picture", True)
    assert abs((moment(marked["from"]) - moment(event["at"])).total_seconds()) < 0.001


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def timeline(yard: Yard) -> dict[str, Any]:
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    query = {"from": (now - hour).isoformat(), "to": (now + hour).isoformat()}
    found: dict[str, Any] = yard.admin.get(f"/api/cameras/{yard.row['slug']}/timeline", params=query).json()
    return found


def test_who_may_not_see_the_camera_learns_nothing(admin: Person, yard: Yard) -> None:
    page = admin.listen({"subscribe": False})
    yard.look_out()
    yard.somebody = True
    yard.next(page, over=False)
    wait_until(lambda: yard.events() and yard.events()[0]["thumbnail"], "it is listed")
    (event,) = yard.events()
    account, viewer = new_person(admin, "viewer")
    with viewer:
        told = viewer.listen({"subscribe": False})
        assert viewer.get("/api/events").json()["items"] == []
        assert viewer.get("/api/events", params={"camera": yard.row["slug"]}).status_code == 404
        assert ask_for_thumbnail(viewer, event).status_code == 404
        assert viewer.get(yard.path).status_code == 403
        yard.somebody = False
        yard.next(page, over=True)
        assert told.heard("motion") == 0
        permit(admin, account, yard.row, "view")
        assert yard.events(viewer)[0]["id"] == event["id"]
        assert ask_for_thumbnail(viewer, event).ok
        assert viewer.get("/api/events", params={"device": yard.board.id}).status_code == 403


def test_what_a_pir_sees(admin: Person, yard: Yard) -> None:
    page = admin.listen({"subscribe": False})
    yard.device.say(type="motion", state=True)
    begun = yard.next(page, over=False)
    assert (begun["source"], begun["score"]) == ("pir", None)
    yard.device.say(type="motion", state=True)  # it says so again
    yard.device.say(type="motion", state=False)
    assert yard.next(page, over=True)["from"] == begun["from"]
    wait_until(lambda: [bool(event["ended_at"]) for event in yard.events()] == [True], "it is written down, once")
    assert yard.events()[0]["source"] == "pir"
    wait_until(lambda: yard.events()[0]["thumbnail"], "its pictures came anyway")
    yard.device.say(type="motion", state=True)
    yard.next(page, over=False)
    yard.device.close()
    assert yard.next(page, over=True), "who is away sees nothing"


def test_events_by_time_and_by_page(admin: Person, yard: Yard) -> None:
    page = admin.listen({"subscribe": False})
    for state in (True, False, True, False, True, False):
        yard.device.say(type="motion", state=state)
        yard.next(page, over=not state)
    wait_until(lambda: len(yard.events()) == 3 and all(event["ended_at"] for event in yard.events()), "all are there")
    third, second, first = yard.events()
    assert [event["id"] for event in yard.events(limit=2)] == [third["id"], second["id"]]
    assert [event["id"] for event in yard.events(limit=2, before=second["id"])] == [first["id"]]
    assert yard.events(**{"from": second["at"]})[-1]["id"] in (first["id"], second["id"])
    assert first["id"] not in [event["id"] for event in yard.events(**{"from": third["at"]})]
    assert [event["id"] for event in yard.events(to=second["at"])] == [first["id"]]
    assert admin.get("/api/events", params={"from": "2026-11-21T10:00:00"}).status_code == 400, "of which zone?"


def test_settings(admin: Person, yard: Yard) -> None:
    untouched = admin.get(yard.path).json()
    assert (untouched["enabled"], untouched["sensitivity"], untouched["zones"]) == (False, 50, [])
    assert untouched["now"] == {"state": "off", "share": None, "box": None}
    triangle = {"kind": "exclude", "points": [[0, 0], [0.5, 0], [0, 0.5]]}
    wanted = {"enabled": True, "sensitivity": 70, "zones": [triangle], "settle_seconds": 2.5, "muted_presets": [3, 1]}
    answer = admin.ask("PUT", yard.path, wanted)
    assert answer.ok, answer.text
    stored = admin.get(yard.path).json()
    assert {name: stored[name] for name in wanted} == wanted | {"muted_presets": [1, 3]}
    noted = admin.get("/api/audit").json()["items"][0]
    assert (noted["action"], noted["subject"]) == ("motion_configured", yard.row["name"])
    assert noted["detail"] == "enabled, sensitivity, zones, settle_seconds, muted_presets"
    off = admin.ask("PUT", yard.path, {"enabled": False}).json()
    assert (off["enabled"], off["sensitivity"], off["zones"]) == (False, 70, [triangle]), "what is left out stays"
    assert admin.get("/api/audit").json()["items"][0]["detail"] == "enabled"
    assert admin.get("/api/cameras/nowhere/motion").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"sensitivity": 0},
        {"sensitivity": 50.5},
        {"enabled": 1},
        {"settle_seconds": -1},
        {"muted_presets": [10]},
        {"muted_presets": [2, 2]},
        {"zones": [{"kind": "include", "points": [[0, 0], [1, 1]]}]},
        {"zones": [{"kind": "include", "points": [[0, 0], [1, 1], [0, 1.01]]}]},
        {"zones": [{"kind": "neither", "points": [[0, 0], [1, 1], [0, 1]]}]},
        {"zones": [{"kind": "include", "points": [[0, 0], [1, 1], [0, True]]}]},
        {"more": 1},
    ],
)
def test_settings_that_cannot_be(admin: Person, wrong: dict[str, Any]) -> None:
    answer = admin.ask("PUT", "/api/cameras/demo/motion", wrong)
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


def test_the_head_of_a_camera_mutes_it(admin: Person) -> None:
    """The demo's picture pans with its head; nothing in its room moves but a pendulum, which is small."""
    camera = admin.made("/api/cameras", {"name": "Room that pans", "url": "demo:workshop", "everyone": "view"})
    path = f"/api/cameras/{camera['slug']}"

    def now() -> str:
        state: str = admin.get(f"{path}/motion").json()["now"]["state"]
        return state

    assert admin.ask("PUT", f"{path}/motion", {"enabled": True, "muted_presets": [2], "settle_seconds": 3}).ok
    wait_until(lambda: now() == "still", "it is looked at")
    for x in (150, 30, 90):
        assert admin.ask("POST", f"{path}/position_command", {"x": x, "y": 60}).ok
        wait_until(lambda: now() == "muted", "it is not looked at")
        wait_until(lambda: now() == "still", "it is again")
    assert admin.ask("PUT", f"{path}/presets/2", {"name": "Street"}).ok
    wait_until(lambda: now() == "muted", "from here nothing is looked for")
    assert admin.ask("DELETE", f"{path}/presets/2").ok
    wait_until(lambda: now() == "still", "the preset is no more")
    assert admin.get("/api/events", params={"camera": camera["slug"]}).json()["items"] == []

    def poses() -> list[list[int]]:
        hour = timedelta(hours=1)
        query = {"from": (datetime.now(UTC) - hour).isoformat(), "to": (datetime.now(UTC) + hour).isoformat()}
        return [pose[1:] for pose in admin.get(f"{path}/timeline", params=query).json()["poses"]]

    wait_until(lambda: poses()[-1:] == [[90, 60]], "where it pointed is in the timeline")
    assert [150, 60] in poses()
    assert [30, 60] in poses()


def test_what_went_on_when_the_server_was_killed_has_an_end(make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server(data_dir=tmp_path / "same")
    with server.person() as admin:
        yard = Yard(admin)
        yard.device.say(type="motion", state=True)
        wait_until(yard.events, "it is written down")
        slug = yard.row["slug"]
        wait_until((server.data_dir / "recording.alive").exists, "it notes that it lives")
        server.stop(SIGKILL)
        yard.close()
    again = make_server(data_dir=tmp_path / "same")
    with again.person() as admin:

        def ends() -> list[Any]:
            return [event["ended_at"] for event in admin.get("/api/events", params={"camera": slug}).json()["items"]]

        wait_until(lambda: ends() and all(ends()), "its end is written down")


def test_nothing_is_left_of_a_removed_camera(admin: Person, yard: Yard) -> None:
    page = admin.listen({"subscribe": False})
    yard.look_out()
    yard.somebody = True
    yard.next(page, over=False)
    wait_until(lambda: yard.events() and yard.events()[0]["thumbnail"], "it is listed")
    assert admin.ask("DELETE", f"/api/cameras/{yard.row['slug']}").status_code == 204
    rows = f"SELECT id FROM event WHERE camera_id = {yard.row['id']}"
    wait_until(lambda: admin.server.execute(rows) == [], "its events go with it")
