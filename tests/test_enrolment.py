"""Enrolment and pairing as the database has them, with a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app import create_app
from camproxy import schema
from camproxy.enrolment import Credentials, Enrolment
from camproxy.errors import Conflict, EncryptionRequired, Forbidden
from camproxy.messages import Register
from camproxy.pairing import NETWORK_TOKENS, Pairing
from models import AuditEvent, Camera, Device, DeviceKey, PairingToken, User, db, now
from tests.clocks import FakeClock

pytestmark = pytest.mark.both_databases

CAMERA, PICO = "24:0A:C4:12:34:56", "28:CD:C1:00:00:01"
CODE = "12345678"


class House:
    """An application at rest, and who lets devices in."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.clock = FakeClock()
        self.pairing = Pairing(app, self.clock)
        self.enrolment = Enrolment(self.pairing, self.clock, frame_rate=7)

    def open(self, kind: str = "esp32cam", **how: Any) -> str:
        return self.pairing.open(kind, "anna", **how)

    def enrol(self, token: str, kind: str = "esp32cam", mac: str = "", **more: Any) -> Credentials:
        encrypted = more.pop("encrypted", True)
        mac = mac or {"esp32cam": CAMERA, "pico": PICO}[kind]
        asked = Register.model_validate({"token": token, "kind": kind, "mac": mac} | more)
        return self.enrolment.redeem(asked, "192.0.2.7", encrypted=encrypted)

    def refuses(self, token: str, **more: Any) -> bool:
        try:
            self.enrol(token, **more)
        except Forbidden:
            return True
        return False

    def together(self, *jobs: Callable[[], Any]) -> list[Any]:
        """What each job returned, or the error that it ended with; all at once, each with a session of its own."""

        def run(job: Callable[[], Any]) -> Any:
            with self.app.app_context():
                try:
                    return job()
                except Forbidden as error:
                    return error

        with ThreadPoolExecutor(len(jobs)) as pool:
            return list(pool.map(run, jobs))

    def audit(self) -> list[tuple[str, str, str, str]]:
        rows = db.session.scalars(db.select(AuditEvent).order_by(AuditEvent.id))
        return [(row.action, row.who, row.subject, row.detail) for row in rows]


@pytest.fixture
def house(tmp_path: Path, database: Callable[[], dict[str, str]]) -> Iterator[House]:
    app = create_app({"DATA_DIR": str(tmp_path)} | database())
    with app.app_context():
        schema.upgrade()
        db.session.add(User("anna", "a long password"))
        db.session.commit()
        yield House(app)
        db.session.remove()
        db.engine.dispose()


def device(number: int) -> Device:
    found = db.session.get(Device, number, populate_existing=True)
    assert found
    return found


def cameras() -> list[Camera]:
    return list(db.session.scalars(db.select(Camera).order_by(Camera.id)))


class TestWindow:
    @pytest.mark.parametrize(("minutes", "kept"), [({}, 5), ({"minutes": 1}, 1), ({"minutes": 15}, 15)])
    def test_is_open_for_its_time(self, house: House, minutes: dict[str, int], kept: int) -> None:
        house.open(**minutes)
        token = house.open(**minutes)
        house.clock.advance(60 * kept - 1)
        assert house.enrol(token).device_id == 1
        token = house.open(**minutes)
        house.clock.advance(60 * kept)
        assert house.pairing.windows() == []
        assert house.refuses(token)

    @pytest.mark.parametrize("minutes", [0, -1, 16])
    def test_is_open_for_15_minutes_at_most(self, house: House, minutes: int) -> None:
        with pytest.raises(ValueError, match="minutes"):
            house.open(minutes=minutes)

    def test_opened_again_is_another_one(self, house: House) -> None:
        first = house.open(open_to_network=True, allow_unencrypted=True)
        second = house.open()
        window = house.pairing.window("esp32cam")
        assert window
        assert not window.open_to_network
        assert not window.allow_unencrypted
        assert house.refuses(first)
        assert house.enrol(second)

    def test_is_for_one_kind(self, house: House) -> None:
        token = house.open("pico")
        assert house.refuses(token, kind="esp32cam")
        assert house.enrol(token, kind="pico").ws_path == "/ws/pico"

    def test_closes_and_is_closed_at_the_start(self, house: House) -> None:
        tokens = [house.open("pico"), house.open("esp32cam")]
        house.pairing.approve("pico", PICO, CODE, "anna")
        assert house.pairing.close("pico")
        assert not house.pairing.close("pico")
        house.pairing.start()
        assert house.pairing.windows() == []
        assert all(house.refuses(token, kind=kind) for token, kind in zip(tokens, ("pico", "esp32cam"), strict=True))
        assert house.refuses(CODE, kind="pico")
        assert db.session.scalars(db.select(PairingToken)).all() == []

    def test_20_wrong_tries_close_it(self, house: House) -> None:
        token, other = house.open(), house.open("pico")
        for number in range(19):
            assert house.refuses(f"a guess, number {number}")
        window = house.pairing.window("esp32cam")
        assert window
        assert window.wrong_tries == 19
        assert house.refuses("the last guess")
        assert house.refuses(token)
        assert [row.kind for row in house.pairing.windows()] == ["pico"]
        assert house.enrol(other, kind="pico")
        actions = [action for action, *_ in house.audit()]
        assert actions.count("device_refused") == 20, "and nobody writes more of them than that"
        assert ("pairing_ended", "(a device)", "esp32cam", "") in house.audit()

    def test_tries_at_none_are_not_written_down(self, house: House) -> None:
        for _ in range(30):
            assert house.refuses("a guess")
        assert house.audit() == []


class TestToken:
    def test_of_twenty_who_show_one_at_once_one_gets_in(self, house: House) -> None:
        token = house.open()
        jobs = [lambda n=n: house.enrol(token, mac=f"24:0A:C4:00:00:{n:02X}", nonce=str(n)) for n in range(20)]
        answers = house.together(*jobs)
        assert len([answer for answer in answers if isinstance(answer, Credentials)]) == 1
        assert len([answer for answer in answers if isinstance(answer, Forbidden)]) == 19
        assert len(db.session.scalars(db.select(Device)).all()) == 1
        assert len(cameras()) == 1
        assert len(db.session.scalars(db.select(DeviceKey)).all()) == 1

    def test_several_devices_at_once(self, house: House) -> None:
        house.open(open_to_network=True)
        tokens = [house.pairing.network_token(None, f"192.0.2.{n}", encrypted=True)[1] for n in range(12)]
        macs = [f"24:0A:C4:00:00:{n // 2:02X}" for n in range(12)]  # each twice
        jobs = [lambda t=t, m=m: house.enrol(t, mac=m, name="Door") for t, m in zip(tokens, macs, strict=True)]
        answers = house.together(*jobs)
        assert all(isinstance(answer, Credentials) for answer in answers), answers
        assert len({answer.device_id for answer in answers}) == 6
        assert len({answer.api_key for answer in answers}) == 12
        assert sorted(camera.name for camera in cameras()) == ["Door", *(f"Door {n}" for n in range(2, 7))]

    def test_over_plain_http_needs_leave_and_is_void_without(self, house: House) -> None:
        token = house.open()
        house.pairing.approve("esp32cam", CAMERA, CODE, "anna")
        for shown in (token, CODE):
            with pytest.raises(EncryptionRequired):
                house.enrol(shown, encrypted=False)
            assert house.refuses(shown), "others may have read it"
        with pytest.raises(EncryptionRequired):
            house.enrol("a guess", encrypted=False)
        window = house.pairing.window("esp32cam")
        assert window
        assert window.wrong_tries == 1, "what is not looked at is no try"
        assert house.enrol(house.open(allow_unencrypted=True), encrypted=False)

    def test_only_hashes_are_kept(self, house: House) -> None:
        token = house.open()
        house.pairing.approve("esp32cam", "24:0A:C4:00:00:01", CODE, "anna")
        key = house.enrol(token, nonce="n").api_key
        assert len(key) == 43
        assert len(token) >= 22
        kept = [repr(vars(row)) for table in (PairingToken, DeviceKey, AuditEvent) for row in db.session.query(table)]
        assert len(kept) > 4
        assert not [secret for secret in (token, key, CODE) if any(secret in row for row in kept)]
        assert key not in repr(house.enrol(token, nonce="n"))
        found = DeviceKey.shown(key)
        assert found
        assert found.device.mac == CAMERA


class TestNetworkToken:
    def test_only_while_a_window_is_open_to_it(self, house: House) -> None:
        def given(kind: str | None = None, encrypted: bool = True) -> str:
            return house.pairing.network_token(kind, "192.0.2.9", encrypted=encrypted)[1]

        with pytest.raises(Forbidden):
            given()
        house.open()
        with pytest.raises(Forbidden):
            given()
        house.open(open_to_network=True)
        with pytest.raises(Forbidden):
            given("pico")
        with pytest.raises(EncryptionRequired):
            given(encrypted=False)
        assert house.enrol(given("esp32cam"))
        house.clock.advance(300)
        with pytest.raises(Forbidden):
            given()
        house.open(open_to_network=True, allow_unencrypted=True)
        assert house.enrol(given(encrypted=False), encrypted=False, mac="24:0A:C4:00:00:02")

    def test_an_address_has_one_and_there_are_only_so_many(self, house: House) -> None:
        own = house.open(open_to_network=True)
        first = house.pairing.network_token(None, "192.0.2.1", encrypted=True)[1]
        second = house.pairing.network_token(None, "192.0.2.1", encrypted=True)[1]
        assert house.refuses(first)
        for number in range(2, NETWORK_TOKENS + 1):
            house.pairing.network_token(None, f"192.0.2.{number}", encrypted=True)
        with pytest.raises(Exception, match="Too many tokens"):
            house.pairing.network_token(None, "192.0.2.200", encrypted=True)
        assert house.enrol(second)
        assert house.pairing.network_token(None, "192.0.2.200", encrypted=True)
        assert house.enrol(own, mac="24:0A:C4:00:00:02"), "the admin's own is none of them"
        assert ("pairing_token_given", "(a device)", "esp32cam", "") in house.audit()

    def test_takes_the_place_of_no_device_in_use(self, house: House) -> None:
        key = DeviceKey.shown(house.enrol(house.open(open_to_network=True)).api_key)
        assert key

        def stranger() -> str:
            return house.pairing.network_token(None, "192.0.2.66", encrypted=True)[1]

        assert house.enrol(stranger()).device_id == 1, "it has lost its key before it used it"
        key.device.keys[-1].first_used_at = now()
        db.session.commit()
        assert house.refuses(stranger())
        assert house.audit()[-1][-1] == "it is in use already, and anybody could have had that token"
        assert house.enrol(house.open()).device_id == 1, "an admin's token may"


class TestCode:
    def test_a_device_is_approved_and_then_let_in(self, house: House) -> None:
        for _ in range(30):
            assert house.refuses(CODE), "it asks every few seconds"
        house.pairing.approve("esp32cam", CAMERA, CODE, "anna")
        window = house.pairing.window("esp32cam")
        assert window
        assert (window.wrong_tries, window.opened_by, window.allow_unencrypted) == (0, "anna", False)
        assert house.refuses(CODE, mac="24:0A:C4:00:00:99"), "it is that device's"
        assert house.refuses(CODE, kind="pico", mac=CAMERA)
        assert house.enrol(CODE).device_id == 1
        assert house.refuses(CODE), "once"
        assert ("device_approved", "(command line)", f"esp32cam {CAMERA}", "") in house.audit()

    def test_waiting_devices_close_nobodys_window(self, house: House) -> None:
        token = house.open()
        for number in range(40):
            assert house.refuses(f"{number:08}")
        assert house.enrol(token)

    def test_5_wrong_codes_end_it(self, house: House) -> None:
        token = house.open()
        house.pairing.approve("esp32cam", CAMERA, CODE, "anna")
        for number in range(4):
            assert house.refuses(f"0000000{number}")
        house.pairing.approve("esp32cam", CAMERA, CODE, "anna")
        for number in range(5):
            assert house.refuses(f"0000000{number}")
        assert house.refuses(CODE)
        assert house.audit()[-1] == ("pairing_ended", "(a device)", f"esp32cam {CAMERA}", "")
        assert house.enrol(token), "the window has nothing to do with it"

    def test_it_gives_the_device_time(self, house: House) -> None:
        token = house.open(minutes=6)
        house.clock.advance(330)
        house.pairing.approve("esp32cam", CAMERA, CODE, "anna")
        house.clock.advance(299)
        assert house.enrol(CODE)
        house.pairing.approve("esp32cam", CAMERA, CODE, "anna")
        house.clock.advance(900 - 629 - 1)
        assert house.enrol(token, mac="24:0A:C4:00:00:01")
        house.clock.advance(1)
        assert house.pairing.windows() == [], "15 minutes are the most, whatever is approved"
        house.pairing.approve("esp32cam", CAMERA, CODE, "anna")
        assert house.enrol(CODE).device_id == 1

    def test_of_a_device_that_may_not_come_back(self, house: House) -> None:
        house.enrol(house.open())
        with pytest.raises(Conflict):
            house.pairing.approve("pico", CAMERA, CODE, "anna")
        device(1).enabled = False
        db.session.commit()
        with pytest.raises(Conflict):
            house.pairing.approve("esp32cam", CAMERA, CODE, "anna")

    def test_unencrypted_only_as_the_window_says(self, house: House) -> None:
        house.pairing.approve("pico", PICO, CODE, "anna", allow_unencrypted=True)
        assert house.enrol(CODE, kind="pico", encrypted=False)
        house.open("esp32cam")
        with pytest.raises(Conflict):
            house.pairing.approve("esp32cam", CAMERA, CODE, "anna", allow_unencrypted=True)


class TestNonce:
    def test_the_same_answer_for_a_minute(self, house: House) -> None:
        token = house.open()
        first = house.enrol(token, nonce="n")
        house.pairing.close("esp32cam")
        house.clock.advance(59)
        assert house.enrol(token, nonce="n") == first
        assert house.refuses(token)
        assert house.refuses(token, nonce="m")
        assert house.refuses(token, nonce="n", mac="24:0A:C4:00:00:01")
        assert house.refuses("another", nonce="n")
        with pytest.raises(EncryptionRequired):
            house.enrol(token, nonce="n", encrypted=False)
        house.clock.advance(1)
        assert house.refuses(token, nonce="n")
        assert len(device(1).keys) == 1

    def test_all_at_once(self, house: House) -> None:
        token = house.open()
        answers = house.together(*[lambda: house.enrol(token, nonce="n")] * 20)
        assert all(isinstance(answer, Credentials) for answer in answers)
        assert len(set(answers)) == 1
        window = house.pairing.window("esp32cam")
        assert window
        assert window.wrong_tries == 0


class TestAgain:
    def test_a_known_device_keeps_what_it_has(self, house: House) -> None:
        first = house.enrol(house.open(), name="Door", firmware="1.0")
        (camera,) = cameras()
        camera.name = "Front door"
        db.session.commit()
        second = house.enrol(house.open(), firmware="1.1")
        assert second.device_id == first.device_id
        assert second.api_key != first.api_key
        again = device(1)
        assert (again.name, again.firmware, again.address) == ("Door", "1.1", "192.0.2.7")
        assert [camera.name for camera in cameras()] == ["Front door"]
        house.enrol(house.open(), name="Gate")
        assert (device(1).name, device(1).firmware) == ("Gate", "1.1")
        assert house.audit()[-1] == ("device_enrolled", "(a device)", f"Gate ({CAMERA})", "esp32cam, again")

    def test_the_old_key_ends_with_the_first_use_of_the_new_or_after_a_day(self, house: House) -> None:
        old = house.enrol(house.open()).api_key
        new = house.enrol(house.open()).api_key
        ending = DeviceKey.shown(old)
        assert ending
        assert ending.expires_at
        assert timedelta(hours=23) < ending.expires_at - now() <= timedelta(hours=24)
        used = DeviceKey.shown(new)
        assert used
        assert used.expires_at is None
        assert used.used()
        db.session.commit()
        assert DeviceKey.shown(old) is None
        assert DeviceKey.shown(new)

    @pytest.mark.parametrize(
        ("kind", "enabled", "why"),
        [("pico", True, "it has enrolled as esp32cam"), ("esp32cam", False, "it is switched off")],
    )
    def test_who_may_not_come_back_is_told_nothing(self, house: House, kind: str, enabled: bool, why: str) -> None:
        house.enrol(house.open())
        device(1).enabled = enabled
        db.session.commit()
        token = house.open(kind)
        with pytest.raises(Forbidden) as known:
            house.enrol(token, kind=kind, mac=CAMERA)
        with pytest.raises(Forbidden) as wrong:
            house.enrol("a guess", kind=kind, mac="24:0A:C4:00:00:01")
        assert str(known.value) == str(wrong.value)
        refused = [row for row in house.audit() if row[0] == "device_refused"]
        assert refused[0] == ("device_refused", "(a device)", f"{kind} {CAMERA}", why)
        assert (device(1).kind, len(device(1).keys)) == ("esp32cam", 1)
        if not enabled:
            device(1).enabled = True
            db.session.commit()
            assert house.enrol(token, kind=kind).device_id == 1, "the token was not used up"


class TestRows:
    def test_a_board_with_a_camera_becomes_one(self, house: House) -> None:
        db.session.add(Camera(name="Door", slug="door", url="demo:garden"))
        db.session.commit()
        number = house.enrol(house.open(), name="Door").device_id
        camera = cameras()[-1]
        assert (camera.name, camera.slug, camera.url) == ("Door 2", "door-2", f"device:{number}")
        assert (camera.fps, camera.everyone, camera.pico_id) == (7, "view", None)
        house.enrol(house.open(), mac="24:0A:C4:00:00:01")
        assert cameras()[-1].name == "ESP32-CAM 00:00:01"

    def test_a_name_that_is_taken_at_the_same_moment(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        db.session.add(Camera(name="Door", slug="gate", url="demo:garden"))
        db.session.commit()
        looked = iter(["Door"])  # free, when it was looked at
        real = Camera.free_name
        monkeypatch.setattr(Camera, "free_name", lambda name: next(looked, None) or real(name))
        token = house.open()
        assert house.enrol(token, name="Door").device_id
        assert [camera.name for camera in cameras()] == ["Door", "Door 2"]
        assert len(db.session.scalars(db.select(Device)).all()) == 1
        assert house.refuses(token)

    def test_a_removed_camera_comes_back_with_its_board(self, house: House) -> None:
        house.enrol(house.open())
        db.session.delete(cameras()[0])
        db.session.commit()
        house.enrol(house.open())
        assert [camera.url for camera in cameras()] == ["device:1"]

    @pytest.mark.parametrize("order", [("esp32cam", "pico"), ("pico", "esp32cam")])
    def test_the_two_who_are_alone_are_joined(self, house: House, order: tuple[str, str]) -> None:
        db.session.add(Camera(name="Demo", slug="demo", url="demo:garden"))
        db.session.commit()
        numbers = {kind: house.enrol(house.open(kind), kind=kind).device_id for kind in order}
        camera = cameras()[-1]
        assert (camera.url, camera.pico_id) == (f"device:{numbers['esp32cam']}", numbers["pico"])

    def test_who_is_not_alone_is_not(self, house: House) -> None:
        for number in range(2):
            house.enrol(house.open(), mac=f"24:0A:C4:00:00:0{number}")
        house.enrol(house.open("pico"), kind="pico")
        assert [camera.pico_id for camera in cameras()] == [None, None]

    def test_what_an_admin_has_parted_stays_apart(self, house: House) -> None:
        for kind in ("esp32cam", "pico"):
            house.enrol(house.open(kind), kind=kind)
        cameras()[0].pico_id = None
        db.session.commit()
        for kind in ("esp32cam", "pico"):
            house.enrol(house.open(kind), kind=kind)
        assert cameras()[0].pico_id is None

    def test_who_listens_is_told(self, house: House, caplog: pytest.LogCaptureFixture) -> None:
        told: list[tuple[int, str]] = []
        house.enrolment.listeners.append(lambda row: 1 // 0)
        house.enrolment.listeners.append(lambda row: told.append((row.id, row.kind)))
        assert house.enrol(house.open()).api_key, "which is not lost over what a listener does"
        assert house.enrol(house.open("pico"), kind="pico")
        assert told == [(1, "esp32cam"), (2, "pico")]
        assert "ZeroDivisionError" in caplog.text
