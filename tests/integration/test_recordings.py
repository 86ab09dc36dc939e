"""What was recorded: who may see it and do what with it, lists in pages, timelines, settings, recording by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.integration.people import issue_token, new_account, new_camera, new_person, permit, wait_until
from tests.integration.recorded import ROOMY, begin, configure, end, file_of, record, recordings
from tests.running import Listener, Person, RunningServer

pytestmark = pytest.mark.both_databases

DAY = datetime(2020, 2, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, database: Callable[[], dict[str, str]]) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("data"), **ROOMY, **database())
    yield running
    running.stop()


@dataclass
class House:
    """A recording and the people around it: each may do as much with its camera as they are called."""

    recording: dict[str, Any]
    watcher: Person
    operator: Person
    outsider: Person


@pytest.fixture(scope="module")
def house(admin: Person) -> Iterator[House]:
    recording = record(admin, "mjpeg", everyone="none")
    camera = {"id": recording["camera"]}
    watcher, operator, outsider = (new_person(admin, role) for role in ("viewer", "operator", "operator"))
    permit(admin, watcher[0], camera, "control")  # which a viewer never gets
    permit(admin, operator[0], camera, "control")
    with watcher[1], operator[1], outsider[1]:
        yield House(recording, watcher[1], operator[1], outsider[1])


def insert(server: RunningServer, camera: int | None, began: datetime, **more: Any) -> int:
    """A row of a recording of an hour, whose file nobody has; its number."""
    ended = more.pop("ended", began + HOUR)
    values = {
        "camera_id": camera,
        "path": "AA-BB-CC-DD-EE-FF/2020-02-03/08.mp4",
        "started_at": began,
        "ended_at": ended,
    }
    values |= {"zone": "UTC", "bytes": 1, "frames": 1, "lost": 0, "codec": "h264", "width": 640, "height": 480}
    values |= {"state": "complete", "cause": "", "protected": False} | more
    return into(server, "recording", values)


def into(server: RunningServer, table: str, values: dict[str, Any]) -> int:
    def written(value: Any) -> str:
        if value is None or isinstance(value, bool):
            return {None: "NULL", True: "true", False: "false"}[value]
        return f"'{value:%Y-%m-%d %H:%M:%S.%f}'" if isinstance(value, datetime) else repr(value)

    columns, row = ", ".join(values), ", ".join(written(value) for value in values.values())
    ((number,),) = server.execute(f"INSERT INTO {table} ({columns}) VALUES ({row}) RETURNING id")
    return int(number)


def iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def timeline(person: Person, camera: int, begin: datetime, end: datetime) -> Any:
    answer = person.get(f"/api/cameras/{camera}/timeline", params={"from": iso(begin), "to": iso(end)})
    assert answer.ok, answer.text
    return answer.json()


def audited(admin: Person, count: int) -> list[tuple[str, str]]:
    return [(event["who"], event["action"]) for event in reversed(admin.get("/api/audit").json()["items"][:count])]


class TestWhoMay:
    def test_see(self, admin: Person, house: House) -> None:
        number, camera = house.recording["id"], house.recording["camera"]
        addresses = [f"/recordings/{number}/video", f"/recordings/{number}/video?download=1"]
        addresses += [
            f"/recordings/{number}/thumbnail.jpg",
            f"/api/recordings/{number}",
            f"/api/recordings/{number}/index",
        ]
        addresses += [
            f"/api/cameras/{camera}/timeline?from={iso(DAY)}&to={iso(DAY + HOUR)}",
            f"/recordings?camera={camera}",
        ]
        for address in addresses:
            for person in (admin, house.watcher, house.operator):
                assert person.get(address).status_code == 200, (person.username, address)
            absent = house.outsider.get(address.replace(str(number), "99999", 1))
            hidden = house.outsider.get(address)
            assert hidden.status_code == 404, address
            if "/cameras" not in address and "?camera" not in address:
                assert hidden.content == absent.content, "a hidden one is no other than none"
            assert requests.get(house.outsider.server.url + address, timeout=10).status_code == 401
        assert number in [one["id"] for one in recordings(house.watcher)]
        assert number not in [one["id"] for one in recordings(house.outsider)]
        page = requests.get(f"{admin.server.url}/recordings", headers={"Accept": "text/html"}, timeout=10)
        assert page.url.endswith("/login?next=/recordings")

    def test_change(self, admin: Person, house: House) -> None:
        number, camera = house.recording["id"], house.recording["camera"]
        asked = [
            ("PUT", f"/api/recordings/{number}", {"protected": True}),
            ("DELETE", f"/api/recordings/{number}", None),
        ]
        asked.append(("POST", f"/api/cameras/{camera}/recording/by-hand", {"seconds": 0}))
        for method, address, body in asked:
            assert house.watcher.ask(method, address, body).status_code == 403
            assert house.outsider.ask(method, address, body).status_code == 404
        for method, address, body in (
            ("GET", f"/api/cameras/{camera}/recording", None),
            ("PUT", f"/api/cameras/{camera}/recording", {"mode": "off"}),
            ("GET", "/api/recordings/retention", None),
        ):
            for person in (house.operator, house.watcher, house.outsider):
                assert person.ask(method, address, body).status_code == 403

    def test_only_with_the_proof_that_our_page_asked_or_with_a_token(self, admin: Person, house: House) -> None:
        address = f"{admin.server.url}/api/recordings/{house.recording['id']}"
        by_cookie = requests.put(address, json={"protected": False}, cookies=admin.http.cookies, timeout=10)
        assert by_cookie.status_code == 400
        _, token = issue_token(house.operator)
        bearer = {"Authorization": f"Bearer {token}"}
        assert requests.put(address, json={"protected": False}, headers=bearer, timeout=10).status_code == 200

    def test_see_what_a_removed_camera_has_left(self, admin: Person, house: House) -> None:
        recording = record(admin, "mjpeg", everyone="control")
        address = f"/api/recordings/{recording['id']}"
        assert house.operator.get(address).ok
        assert admin.ask("DELETE", f"/api/cameras/{recording['camera']}").ok
        assert admin.get(address).json()["camera"] is None
        assert recording["id"] in [one["id"] for one in recordings(admin)]
        assert admin.get(f"/recordings/{recording['id']}/video").ok
        for person in (house.operator, house.watcher):
            assert person.get(address).status_code == 404
            assert person.ask("DELETE", address).status_code == 404
            assert recording["id"] not in [one["id"] for one in recordings(person)]
        file = file_of(admin, recording)
        assert admin.ask("DELETE", address).status_code == 204
        assert not file.exists()


class TestRemoval:
    def test_what_is_protected_or_recorded_stays(self, admin: Person, house: House) -> None:
        camera = new_camera(admin)
        recording = begin(admin, camera, "mjpeg")
        address, file = f"/api/recordings/{recording['id']}", file_of(admin, recording)
        assert house.operator.ask("DELETE", address).status_code == 409
        end(admin, camera)
        assert house.operator.ask("PUT", address, {"protected": True}).json()["protected"] is True
        assert house.operator.ask("DELETE", address).status_code == 409
        assert file.exists()
        assert house.operator.ask("PUT", address, {"protected": False}).ok
        assert house.operator.ask("DELETE", address).status_code == 204
        assert not file.exists()
        for method in ("GET", "DELETE"):
            assert house.operator.ask(method, address).status_code == 404
        name = house.operator.username
        said = ["recording_configured", "recording_protected", "recording_released", "recording_removed"]
        assert audited(admin, 4) == list(zip(["admin", name, name, name], said, strict=True))

    @pytest.mark.parametrize("state", ["missing", "quarantined"])
    def test_a_row_without_a_file_is_told_as_such_and_goes_alone(self, admin: Person, state: str) -> None:
        """Its path may be that of another by now."""
        recording = record(admin, "mjpeg")
        file = file_of(admin, recording)
        path = file.relative_to(admin.server.data_dir / "recordings").as_posix()
        older = insert(admin.server, recording["camera"], DAY, path=path, state=state, cause="the test says so")
        (row,) = recordings(admin, state=state, camera=recording["camera"])
        assert (row["id"], row["state"], row["cause"]) == (older, state, "the test says so")
        for address in (
            f"/recordings/{older}/video",
            f"/recordings/{older}/thumbnail.jpg",
            f"/api/recordings/{older}/index",
        ):
            assert admin.get(address).status_code == 404
        assert admin.ask("DELETE", f"/api/recordings/{older}").status_code == 204
        assert file.exists()

    def test_without_the_disk_nothing_is_removed(self, admin: Person) -> None:
        recording = record(admin, "mjpeg")
        marker = admin.server.data_dir / "recordings" / ".camproxy-storage"
        said = marker.read_bytes()
        marker.unlink()
        try:
            answer = admin.ask("DELETE", f"/api/recordings/{recording['id']}")
            assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
        finally:
            marker.write_bytes(said)
        assert admin.ask("DELETE", f"/api/recordings/{recording['id']}").status_code == 204


class TestLists:
    def test_pages_hold_everything_once_the_newest_first(self, admin: Person) -> None:
        camera = new_camera(admin)["id"]
        # Some begin at the same moment: the number decides then.
        numbers = [insert(admin.server, camera, DAY + timedelta(microseconds=at // 3)) for at in range(20)]
        found: list[int] = []
        cursor, pages = None, 0
        while pages == 0 or cursor:
            query = {"camera": camera, "limit": 7} | ({"cursor": cursor} if cursor else {})
            answer = admin.get("/recordings", params=query).json()
            found += [one["id"] for one in answer["recordings"]]
            cursor, pages = answer["next"], pages + 1
            # What comes meanwhile is newer than all pages that follow, and moves none of them.
            insert(admin.server, camera, DAY + HOUR + timedelta(seconds=pages))
        assert found == numbers[::-1]
        assert pages == 3

    def test_what_is_asked_for_is_what_overlaps(self, admin: Person) -> None:
        camera = new_camera(admin)["id"]
        first = insert(admin.server, camera, DAY, protected=True)
        second = insert(admin.server, camera, DAY + HOUR, state="recovered")
        open_end = insert(admin.server, camera, DAY + 2 * HOUR, ended=None, state="missing")

        def listed(**query: Any) -> list[int]:
            return [one["id"] for one in recordings(admin, camera=camera, **query)]

        minute = timedelta(minutes=1)
        assert listed() == [open_end, second, first]
        assert listed(**{"from": iso(DAY + HOUR - minute), "to": iso(DAY + HOUR)}) == [first]
        assert listed(**{"from": iso(DAY + HOUR)}) == [open_end, second]
        assert listed(**{"from": iso(DAY + HOUR + minute), "to": iso(DAY + HOUR + 2 * minute)}) == [second]
        assert listed(to=iso(DAY)) == []
        assert listed(**{"from": iso(DAY + 4 * HOUR)}) == [], "nobody knows when it ended, and it is not recorded now"
        assert listed(**{"from": "2020-02-03T02:00:00+01:00"}) == [open_end, second]
        assert listed(protected="true") == [first]
        assert listed(protected="false") == [open_end, second]
        assert listed(state="recovered") == [second]

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=501",
            "limit=x",
            "limit=NaN",
            "cursor=x",
            "cursor=1",
            "cursor=1-99999999999",
            "cursor=999999999999999999999999-1",
            "cursor=-1-1",
            "cursor=" + "9" * 41,
            "from=yesterday",
            "from=2020-02-03T00:00:00",
            "from=0001-01-01T00:00:00%2B14:00",
            "from=9999-12-31T23:59:59-14:00",
            "to=1969-12-31T23:59:59Z",
            "to=",
            "state=gone",
            "protected=perhaps",
            "unknown=1",
        ],
    )
    def test_what_cannot_be_is_refused(self, admin: Person, query: str) -> None:
        answer = admin.get(f"/recordings?{query}")
        assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
        assert "9999" not in answer.json()["message"], "what was sent is not repeated"

    @pytest.mark.parametrize("camera", ["absent", "99999", "-1", "9" * 30, "' OR 1=1 --", "../etc", "%00", "\u202e"])
    def test_no_such_camera(self, admin: Person, camera: str) -> None:
        assert admin.get("/recordings", params={"camera": camera}).status_code == 404
        assert admin.get(f"/recordings?camera={'x' * 81}").status_code == 400


class TestTimeline:
    def test_it_has_what_overlaps_and_what_is_missing(self, admin: Person) -> None:
        camera = new_camera(admin)["id"]
        other = new_camera(admin)["id"]
        first = insert(admin.server, camera, DAY)
        second = insert(admin.server, camera, DAY + 2 * HOUR, protected=True, codec="mjpeg")
        insert(admin.server, camera, DAY + 9 * HOUR)
        insert(admin.server, other, DAY)
        begun = {"camera_id": camera, "started_at": DAY + HOUR}
        into(admin.server, "gap", begun | {"ended_at": DAY + 2 * HOUR, "cause": "camera_offline"})
        into(admin.server, "gap", begun | {"started_at": DAY + 3 * HOUR, "cause": "disk_full"})
        told = timeline(admin, camera, DAY + HOUR / 2, DAY + 4 * HOUR)
        assert told["camera"] == camera
        assert told["recordings"] == [
            [first, iso(DAY), iso(DAY + HOUR), "complete", False, "h264"],
            [second, iso(DAY + 2 * HOUR), iso(DAY + 3 * HOUR), "complete", True, "mjpeg"],
        ]
        assert told["gaps"] == [
            {"from": iso(DAY + HOUR), "to": iso(DAY + 2 * HOUR), "cause": "camera_offline"},
            {"from": iso(DAY + 3 * HOUR), "to": None, "cause": "disk_full"},
        ]
        assert timeline(admin, camera, DAY - 2 * HOUR, DAY - HOUR)["recordings"] == []

    def test_what_is_recorded_now_has_no_end(self, admin: Person) -> None:
        camera = new_camera(admin)
        recording = begin(admin, camera, "mjpeg")
        now = datetime.now(UTC)
        ((number, began, ended, state, protected, codec),) = timeline(admin, camera["id"], now, now + HOUR)[
            "recordings"
        ]
        assert (number, began, ended) == (recording["id"], recording["started_at"], None)
        assert (state, protected, codec) == ("recording", False, "mjpeg")
        end(admin, camera)

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "from=2020-02-03T00:00:00Z",
            "from=2020-02-03T00:00:00Z&to=2020-02-03T00:00:00Z",
            "from=2020-02-03T00:00:00Z&to=2020-03-06T00:00:00Z",
            "from=2020-02-03T00:00:00Z&to=2020-02-02T00:00:00Z",
            "from=2020-02-03T00:00:00Z&to=never",
        ],
    )
    def test_what_cannot_be_is_refused(self, admin: Person, query: str) -> None:
        assert admin.get(f"/api/cameras/demo/timeline?{query}").status_code == 400


class TestSettings:
    def test_what_is_sent_is_kept_and_the_rest_stays(self, admin: Person) -> None:
        camera = new_camera(admin)
        address = f"/api/cameras/{camera['slug']}/recording"
        before = admin.get(address).json()
        assert before["mode"] == "off"
        assert before["state"] == {
            "camera": camera["id"],
            "recording": False,
            "mode": "off",
            "by_hand_until": None,
            "fault": None,
        }
        told = configure(admin, camera, mode="schedule", schedule=[[1, 60, 120], [0, 480, 1080]], days=30, fps=5)
        assert told["schedule"] == [[0, 480, 1080], [1, 60, 120]], "in the order of the week"
        after = admin.get(address).json()
        changed = {"mode": "schedule", "schedule": told["schedule"], "days": 30, "fps": 5}
        del before["state"], after["state"]
        assert after == before | changed
        assert configure(admin, camera, days=None, bytes=5_000_000)["days"] is None
        assert audited(admin, 2) == [("admin", "recording_configured")] * 2

    @pytest.mark.parametrize(
        "body",
        [
            {"mode": "always"},
            {"mode": None},
            {"codec": "hevc"},
            {"fps": 0},
            {"fps": 31},
            {"fps": "10"},
            {"fps": True},
            {"crf": 52},
            {"crf": 23.5},
            {"pre_seconds": -1},
            {"pre_seconds": 61},
            {"post_seconds": 1e9},
            {"schedule": [[7, 0, 60]]},
            {"schedule": [[0, 60, 60]]},
            {"schedule": [[0, 0, 1441]]},
            {"schedule": [[0, 0]]},
            {"schedule": [[0, 0, 1]] * 169},
            {"schedule": [[True, 0, 1]]},
            {"schedule": {}},
            {"days": 0},
            {"bytes": 1},
            {"bytes": 10**18},
            {"folder": "../../etc"},
        ],
        ids=str,
    )
    def test_what_cannot_be_is_refused(self, admin: Person, body: dict[str, Any]) -> None:
        address = "/api/cameras/demo/recording"
        before = admin.get(address).json()
        answer = admin.ask("PUT", address, body)
        assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
        assert admin.get(address).json() == before

    @pytest.mark.parametrize(
        "text", ['{"seconds": NaN}', '{"seconds": 1e999}', '{"seconds": "9"}', '{"seconds": 86401}']
    )
    def test_by_hand_only_for_a_time_that_can_be(self, admin: Person, text: str) -> None:
        kind = {"Content-Type": "application/json"}
        address = "/api/cameras/demo/recording/by-hand"
        answer = admin.http.post(admin.server.url + address, data=text, headers=kind, timeout=10)
        assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")

    def test_what_would_go_is_told_and_stays(self, admin: Person) -> None:
        recording = record(admin, "mjpeg", days=1)
        old = insert(admin.server, recording["camera"], DAY, bytes=7)
        told = admin.get("/api/recordings/retention").json()
        assert {
            "id": old,
            "camera": recording["camera"],
            "started_at": iso(DAY),
            "bytes": 7,
            "reason": "too_old",
        } in told["would_go"]
        assert told["bytes"] == sum(one["bytes"] for one in told["would_go"])
        assert recording["id"] not in [one["id"] for one in told["would_go"]]
        assert admin.get(f"/api/recordings/{old}").ok


class TestByHand:
    def test_it_is_told_to_who_may_see_the_camera_when_it_begins_and_ends(self, admin: Person) -> None:
        camera = new_camera(admin, "control")
        hidden = new_camera(admin, "none")
        account = new_account(admin)
        with admin.server.person(account.username, account.password) as person:
            listener = person.listen(auth={"subscribe": False})
            listener.call("subscribe", {"camera": camera["id"], "format": "none"})
            assert until(listener, camera)["recording"] is False
            for one in (hidden, camera):
                told = by_hand(admin, one, 600)
                left = datetime.fromisoformat(told["by_hand_until"]) - datetime.now(UTC)
                assert timedelta(seconds=590) < left < timedelta(seconds=601)
            until(listener, camera, lambda news: news["recording"])
            wait_until(lambda: recordings(person, camera=camera["id"], state="recording"), "it is written down")
            (recording,) = recordings(person, camera=camera["id"], state="recording")
            assert admin.get(f"/api/cameras/{camera['id']}/recording").json()["state"]["recording"] is True
            assert by_hand(person, camera, 0)["by_hand_until"] is None
            ended = until(listener, camera, lambda news: not news["recording"])
            assert ended == {
                "camera": camera["id"],
                "recording": False,
                "mode": "off",
                "by_hand_until": None,
                "fault": None,
            }
            while listener.heard("recording_state"):
                assert listener.next("recording_state")["camera"] == camera["id"]
            wait_until(lambda: not recordings(person, state="recording"), "it has ended")
            assert person.get(f"/api/recordings/{recording['id']}").json()["state"] == "complete"
        assert audited(admin, 1) == [(account.username, "recorded_by_hand")]
        by_hand(admin, hidden, 0)

    def test_why_it_cannot_be_is_told(self, admin: Person) -> None:
        camera = new_camera(admin)
        listener = admin.listen(auth={"subscribe": False})
        marker = admin.server.data_dir / "recordings" / ".camproxy-storage"
        said = marker.read_bytes()
        marker.unlink()
        try:
            by_hand(admin, camera, 600)
            assert until(listener, camera, lambda news: news["fault"])["fault"] == "disk_missing"
        finally:
            marker.write_bytes(said)
        until(listener, camera, lambda news: news["recording"] and news["fault"] is None)
        by_hand(admin, camera, 0)


def by_hand(person: Person, camera: dict[str, Any], seconds: float) -> Any:
    """A camera that was added just now is not set up yet."""
    answers: list[requests.Response] = []

    def is_taken() -> bool:
        answers.append(person.ask("POST", f"/api/cameras/{camera['id']}/recording/by-hand", {"seconds": seconds}))
        assert answers[-1].status_code in (200, 503), answers[-1].text
        return answers[-1].ok

    wait_until(is_taken, "there is a recorder")
    return answers[-1].json()


def until(listener: Listener, camera: dict[str, Any], holds: Callable[[Any], Any] = lambda news: True) -> Any:
    """What is told of that camera, the first that is as wanted."""
    return listener.until("recording_state", lambda news: news["camera"] == camera["id"] and holds(news))
