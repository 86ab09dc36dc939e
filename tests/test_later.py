"""Later: what was noted while the database took nothing is written when it does again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from camproxy import schema
from camproxy.audit import Action, event
from camproxy.later import Later
from models import ApiToken, AuditEvent, Device, Event, FirmwareUpdate, User, db, now
from tests.integration.people import wait_until
from tests.patience import PATIENCE


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = create_app({"DATA_DIR": str(tmp_path)})
    with made.app_context():
        schema.upgrade()
        user = User("anna", "a long password")
        db.session.add(user)
        db.session.add_all(ApiToken.issue(user, name)[0] for name in ("first", "second"))
        db.session.commit()
    yield made
    with made.app_context():
        db.engine.dispose()


@pytest.fixture
def later(app: Flask) -> Iterator[Later]:
    made = Later(app)
    yield made
    made.stop()


def stop(later: Later) -> None:
    """Until all is written, also where the disk takes longer than a server would wait for it."""
    later.stop()
    later._thread.join(PATIENCE)
    assert not later._thread.is_alive()


def tokens(app: Flask) -> dict[str, ApiToken]:
    with app.app_context():
        return {token.name: token for token in db.session.scalars(db.select(ApiToken))}


def test_the_last_time_counts_and_others_are_not_touched(app: Flask, later: Later) -> None:
    at, first = now(), tokens(app)["first"]
    later.used(first, at - timedelta(minutes=1))
    later.used(first, at)
    assert later.state() == {"waiting": 1}
    later.start()
    wait_until(lambda: tokens(app)["first"].last_used_at == at, "it is written")
    assert tokens(app)["second"].last_used_at is None


def test_once_a_minute_is_enough(app: Flask) -> None:
    token, at = tokens(app)["first"], now()
    assert token.is_to_be_noted(at)
    token.used(at)
    assert not token.is_to_be_noted(at + timedelta(seconds=60))
    assert token.is_to_be_noted(at + timedelta(seconds=61))


def test_a_token_that_is_gone_meanwhile_spoils_nothing(app: Flask, later: Later) -> None:
    found, at = tokens(app), now()
    with app.app_context():
        db.session.execute(db.delete(ApiToken).where(ApiToken.name == "first"))
        db.session.commit()
    later.used(found["first"], at)
    later.used(found["second"], at)
    later.start()
    wait_until(lambda: tokens(app)["second"].last_used_at == at, "the other is written")


def test_one_that_goes_in_this_very_moment_takes_no_event_along(
    app: Flask, later: Later, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    used = ApiToken.used

    def goes(token: ApiToken, at: datetime) -> None:
        used(token, at)
        with db.engine.begin() as elsewhere:
            elsewhere.execute(db.delete(ApiToken).where(ApiToken.id == token.id))

    monkeypatch.setattr(ApiToken, "used", goes)
    with app.test_request_context():
        later.note(event(Action.LOG_IN, who="anna"))
    later.used(tokens(app)["first"], now())
    later.start()
    stop(later)
    assert list(tokens(app)) == ["second"]
    with app.app_context():
        assert [row.who for row in db.session.scalars(db.select(AuditEvent))] == ["anna"]
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_what_waits_is_in_order_and_the_oldest_goes_first(app: Flask) -> None:
    later = Later(app, room=3)
    with app.app_context():
        for number in range(5):
            later.note(event(Action.CONTROL_TAKEN_OVER, f"Camera {number}"))

    def noted() -> list[str]:
        with app.app_context():
            return list(db.session.scalars(db.select(AuditEvent.subject).order_by(AuditEvent.id)))

    later.start()
    wait_until(lambda: noted() == ["Camera 2", "Camera 3", "Camera 4"], "all that there was room for")
    later.stop()


def test_what_waits_is_written_at_the_end(app: Flask, later: Later) -> None:
    later.start()
    at = now()
    later.used(tokens(app)["first"], at)
    stop(later)
    assert tokens(app)["first"].last_used_at == at


def test_changes_of_a_row_are_told_apart_and_the_last_of_each_counts(app: Flask, later: Later) -> None:
    with app.app_context():
        device = Device(kind="pico", name="Pico", mac="24:0A:C4:00:00:01")
        db.session.add(device)
        db.session.commit()
        number = device.id
    for name in ("one", "two"):
        later.change(Device, number, "name", lambda row, name=name: setattr(row, "name", name))
    later.change(Device, number, "address", lambda row: setattr(row, "address", "10.0.0.7"))
    later.change(Device, number + 1, "name", lambda row: setattr(row, "name", "nobody"))
    assert later.state() == {"waiting": 3}
    later.start()
    stop(later)
    with app.app_context():
        row = db.session.get(Device, number)
        assert row
        assert (row.name, row.address) == ("two", "10.0.0.7")


def test_an_event_about_what_is_gone_takes_no_other_along(app: Flask, later: Later) -> None:
    later.note(event(Action.LOG_IN, who="anna"))
    later.note(Event(kind="device_online", device_id=4711))
    later.note(event(Action.LOG_OUT, who="anna"))
    later.start()

    def written() -> list[str]:
        with app.app_context():
            return list(db.session.scalars(db.select(AuditEvent.action).order_by(AuditEvent.id)))

    wait_until(lambda: written() == ["log_in", "log_out"], "the others are written")
    with app.app_context():
        assert list(db.session.scalars(db.select(Event))) == []


def test_a_change_that_cannot_be_takes_no_other_along(app: Flask, later: Later) -> None:
    with app.app_context():
        device = Device(kind="esp32cam", name="Camera", mac="24:0A:C4:00:00:02")
        db.session.add(device)
        db.session.flush()
        update = {"device_id": device.id, "version": "2.0", "state": "trying", "since": now()}
        db.session.add(FirmwareUpdate(**update))
        db.session.commit()
        number = device.id
    later.change(FirmwareUpdate, number, "update", lambda row: setattr(row, "firmware_id", 4711))  # there is none
    later.change(Device, number, "name", lambda row: setattr(row, "name", "Porch"))
    later.note(event(Action.LOG_IN, who="anna"))
    later.start()
    later.change(Device, number, "address", lambda row: setattr(row, "address", "10.0.0.7"))

    def written() -> tuple[str, str, list[str]]:
        with app.app_context():
            row = db.session.get(Device, number)
            assert row
            return row.name, row.address, list(db.session.scalars(db.select(AuditEvent.who)))

    wait_until(lambda: written() == ("Porch", "10.0.0.7", ["anna"]), "the others are written")


def test_other_writes_are_done_in_their_order_and_one_that_fails_takes_no_other_along(app: Flask, later: Later) -> None:
    def add(kind: str, device: int | None = None) -> None:
        later.put(lambda: db.session.add(Event(kind=kind, device_id=device)))

    add("first")
    add("second", device=4711)  # there is none
    later.put(lambda: db.session.execute(db.update(Event).values(detail="seen")))
    add("third")
    later.note(event(Action.LOG_IN, who="anna"))
    assert later.state() == {"waiting": 5}
    later.start()
    stop(later)
    with app.app_context():
        rows = db.session.execute(db.select(Event.kind, Event.detail).order_by(Event.id)).all()
        assert [tuple(row) for row in rows] == [("first", "seen"), ("third", "")]
        assert db.session.scalar(db.select(AuditEvent.who)) == "anna"
