"""Recordings for the tests of their page: made by the real server, of the demo camera, as long as they need to be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.people import wait_until
from tests.patience import PATIENCE
from tests.running import Person

Part = dict[str, Any]


def record(admin: Person, seconds: float, camera: str = "demo", **settings: Any) -> Part:
    """Record so long with these settings, in a part of its own; it goes on until something else is set."""
    known = {part["id"] for part in recordings(admin, camera)}
    set_recording(admin, camera, mode="continuous", **settings)

    def new() -> list[Part]:
        return [part for part in recordings(admin, camera) if part["id"] not in known]

    wait_until(new, "a part begins")
    part = new()[0]

    def long_enough() -> bool:
        answer = admin.get(f"/api/recordings/{part['id']}/index")
        return answer.ok and answer.json()["seconds"] >= seconds

    wait_until(long_enough, f"{seconds} s are recorded", seconds + PATIENCE)
    return part


def stop_recording(admin: Person, camera: str = "demo") -> None:
    set_recording(admin, camera, mode="off")
    wait_until(lambda: how_it_records(admin, camera)["mode"] == "off", "the recorder knows")
    wait_until(
        lambda: all(part["state"] != "recording" for part in recordings(admin, camera)), "what was recorded is whole"
    )


def how_it_records(admin: Person, camera: str = "demo") -> dict[str, Any]:
    found: dict[str, Any] = admin.get(f"/api/cameras/{camera}/recording").json()["state"]
    return found


def set_recording(admin: Person, camera: str, **settings: Any) -> None:
    answer = admin.ask("PUT", f"/api/cameras/{camera}/recording", settings)
    assert answer.ok, answer.text


def recordings(admin: Person, camera: str = "demo") -> list[Part]:
    """The oldest first."""
    found: list[Part] = admin.get(f"/recordings?camera={camera}").json()["recordings"]
    return found[::-1]


def begun(part: Part, seconds: float = 0) -> str:
    """The moment so many seconds after its beginning, for an address."""
    return iso(datetime.fromisoformat(part["started_at"]) + timedelta(seconds=seconds))


def ended(part: Part, seconds: float = 0) -> str:
    return iso(datetime.fromisoformat(part["ended_at"]) + timedelta(seconds=seconds))


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
