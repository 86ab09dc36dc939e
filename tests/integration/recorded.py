"""Real recordings of demo cameras, for the tests of what people do with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.integration.people import new_camera, wait_until
from tests.running import Person

#: Settings of a server that records whatever room there is, and removes nothing by age while it is tested.
ROOMY = {"RECORDING_FREE_BYTES": 0, "RECORDING_DAYS": 36_500, "RECORDING_CLEANUP": "0 0 29 2 *"}


def configure(admin: Person, camera: dict[str, Any], **settings: Any) -> dict[str, Any]:
    answer = admin.ask("PUT", f"/api/cameras/{camera['id']}/recording", settings)
    assert answer.ok, answer.text
    configured: dict[str, Any] = answer.json()
    return configured


def recordings(person: Person, **query: Any) -> list[dict[str, Any]]:
    answer = person.get("/recordings", params=query)
    assert answer.ok, answer.text
    listed: list[dict[str, Any]] = answer.json()["recordings"]
    return listed


def index(person: Person, recording: dict[str, Any]) -> dict[str, Any]:
    answer = person.get(f"/api/recordings/{recording['id']}/index")
    assert answer.ok, answer.text
    told: dict[str, Any] = answer.json()
    return told


def seconds_so_far(person: Person, recording: dict[str, Any]) -> float:
    answer = person.get(f"/api/recordings/{recording['id']}/index")
    assert answer.status_code in (200, 503), answer.text
    return float(answer.json()["seconds"]) if answer.ok else 0.0


def begin(admin: Person, camera: dict[str, Any], codec: str, seconds: float = 0.5, **more: Any) -> dict[str, Any]:
    """Record until there is so much of it; the recording, which goes on."""
    configure(admin, camera, mode="continuous", codec=codec, **more)
    wait_until(lambda: recordings(admin, camera=camera["id"], state="recording"), "it records")
    (begun,) = recordings(admin, camera=camera["id"], state="recording")
    wait_until(lambda: seconds_so_far(admin, begun) >= seconds, f"there are {seconds} s of it")
    return begun


def end(admin: Person, camera: dict[str, Any]) -> dict[str, Any]:
    """What has become of it."""
    (begun,) = recordings(admin, camera=camera["id"], state="recording")
    configure(admin, camera, mode="off")
    wait_until(lambda: not recordings(admin, camera=camera["id"], state="recording"), "it has ended")
    ended: dict[str, Any] = admin.get(f"/api/recordings/{begun['id']}").json()
    return ended


def record(admin: Person, codec: str, seconds: float = 0.5, everyone: str = "view", **more: Any) -> dict[str, Any]:
    """A recording of a camera of its own."""
    camera = new_camera(admin, everyone)
    if "fps" in more:
        assert admin.ask("PATCH", f"/api/cameras/{camera['id']}", {"fps": more["fps"]}).ok
    begin(admin, camera, codec, seconds, **more)
    return end(admin, camera)


def file_of(admin: Person, recording: dict[str, Any]) -> Path:
    ((path,),) = admin.server.execute(f"SELECT path FROM recording WHERE id = {recording['id']}")
    return admin.server.data_dir / "recordings" / path
