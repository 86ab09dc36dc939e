"""People and cameras for the tests of accounts and access: each test makes its own, so none is in another's way."""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from camproxy.frames import check_jpeg
from camproxy.links.multipart import MultipartReader
from tests.patience import PATIENCE
from tests.running import Person, RunningServer, csrf_token

PASSWORD = "eight and more"
LARGEST = 500_000  # bytes of a picture
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Account:
    """A user who need not be logged in."""

    id: int
    username: str
    password: str = PASSWORD


def new_account(admin: Person, role: str = "operator", **more: Any) -> Account:
    username = f"{role}-{next(_numbers)}"
    made = admin.made("/api/users", {"username": username, "password": PASSWORD, "role": role} | more)
    return Account(made["id"], username)


def new_person(admin: Person, role: str = "operator") -> tuple[Account, Person]:
    account = new_account(admin, role)
    return account, admin.server.person(account.username, account.password)


def new_camera(admin: Person, everyone: str = "control") -> dict[str, Any]:
    """A demo camera that can be steered at once."""
    number = next(_numbers)
    made: dict[str, Any] = admin.made(
        "/api/cameras", {"name": f"Camera {number}", "url": "demo:garden", "everyone": everyone}
    )
    wait_until(lambda: camera_state(admin, made["slug"]) in ("idle", "live"), "the camera is ready")
    return made


def camera_state(admin: Person, camera: str) -> str:
    state: str = admin.get(f"/api/cameras/{camera}").json()["status"]["state"]
    return state


def permit(admin: Person, account: Account, camera: dict[str, Any], level: str | None) -> None:
    body = {"permissions": [{"camera": camera["id"], "level": level}]}
    answer = admin.ask("PUT", f"/api/users/{account.id}/permissions", body)
    assert answer.ok, answer.text


def issue_token(person: Person, name: str = "a program") -> tuple[int, str]:
    issued = person.made("/api/me/tokens", {"name": name})
    return issued["id"], issued["token"]


def log_in(
    server: RunningServer,
    username: str,
    password: str,
    *,
    next: str | None = None,
    session: requests.Session | None = None,
    headers: dict[str, str] | None = None,
) -> requests.Response:
    """What the log-in form answers, redirections not followed."""
    session = session or requests.Session()
    session.trust_env, session.verify = False, server.certificate  # a machine's own bundle would come before it
    address = f"{server.url}/login"
    params = {} if next is None else {"next": next}
    form = session.get(address, params=params, headers=headers, timeout=PATIENCE)
    fields = {"username": username, "password": password, "csrf_token": csrf_token(form.text)}
    headers = {"Referer": form.url} | (headers or {})  # browsers say so, and over TLS it is asked for
    return session.post(address, params=params, data=fields, headers=headers, allow_redirects=False, timeout=PATIENCE)


def see_on_every_way(person: Person, camera: str = "demo") -> None:
    """Pictures come as a snapshot, by WebSocket, as MJPEG, and by Socket.IO as bytes and as text; each is a JPEG."""
    assert check_jpeg(person.get(f"/snapshot/{camera}.jpg").content, LARGEST)
    view = person.view(camera)
    assert json.loads(view.recv())["type"] == "status"
    pictures: list[bytes] = []
    while len(pictures) < 10:  # among them comes what is told about them
        pictures += [message for message in [view.recv()] if isinstance(message, bytes)]
    with person.get(f"/stream/{camera}.mjpg", stream=True) as stream:
        reader = MultipartReader("frame", LARGEST)
        parts = stream.iter_content(8192)
        while len(pictures) < 20:
            pictures += reader.feed(next(parts))
    for transport in ("websocket", "polling"):
        listener = person.listen(auth={"subscribe": False}, transports=[transport])
        listener.call("subscribe", {"camera": camera, "format": "binary"})
        pictures.append(listener.next("video_frame")[0])
        listener.call("subscribe", {"camera": camera, "format": "base64"})
        text = listener.until("video_frame", lambda payload: isinstance(payload, str))
        pictures.append(base64.b64decode(text, validate=True))
        assert listener.call("servo_command", {"command": "left"})["ok"]
    for picture in pictures:
        assert check_jpeg(picture, LARGEST)


def session_from(address: str) -> requests.Session:
    """HTTP from another address of this machine: all of 127.0.0.0/8 is its own."""

    class From(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            super().init_poolmanager(*args, **options, source_address=(address, 0))

    session = requests.Session()
    session.mount("http://", From())
    session.mount("https://", From())
    return session


def wait_until(holds: Callable[[], Any], what: str, timeout: float = PATIENCE) -> float:
    """Wait until `holds` is true; the seconds that it took."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < timeout, f"not within {timeout} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - begun
