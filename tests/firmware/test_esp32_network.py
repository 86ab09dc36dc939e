"""The ESP32-CAM as others see it in the network: asked for pictures, found by mDNS, given firmware."""

from __future__ import annotations

import hashlib
import json
import random
import socket
import subprocess
import sys
from base64 import b64encode
from io import BytesIO
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image

from tests.conftest import MakeServer
from tests.fakes.device_server import DeviceServer
from tests.firmware.esp32cam import SimulatedCamera, Start, mac
from tests.firmware.test_esp32 import size_of
from tests.integration.people import wait_until
from tests.networks import in_network_of, with_network
from tests.patience import PATIENCE
from tests.running import Person, RunningServer

TOKEN = "let-me-see"
#: A trial of half a minute takes ten seconds. Faster, a server that stands still for a moment would be silent.
FAST = ("--speed", "3")


# Asked for pictures


@pytest.fixture
def address(start_camera: Start) -> str:
    """A board that has no server and serves pictures itself."""
    port = random.randint(20_000, 32_000)
    camera = start_camera("--view-port", str(port), "--view-token", TOKEN, "--server", "http://127.0.0.1:1")
    camera.until("sim camera")

    def listens() -> bool:
        with socket.socket() as dialled:
            return dialled.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listens, "it serves")
    return f"127.0.0.1:{port}"


def test_the_server_pulls(admin: Person, address: str) -> None:
    url = f"ws://camera:{TOKEN}@{address}/ws"
    made = admin.made("/api/cameras", {"name": "Pulled", "url": url, "everyone": "view", "has_head": False})
    assert size_of(admin, "pulled") == (800, 600)
    with admin.http.get(f"{admin.server.url}/stream/pulled.mjpg", stream=True, timeout=PATIENCE) as stream:
        parts = stream.iter_lines(delimiter=b"Content-Type: image/jpeg")
        assert len([next(parts) for _ in range(8)]) == 8
    assert admin.made("/api/cameras/pulled/light_command", {"state": True})["ok"]
    admin.ask("DELETE", f"/api/cameras/{made['id']}")


def test_other_programs_see_with_the_token_only(address: str) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for path in ("/capture", "/stream", "/status", "/ws"):
        assert requests.get(f"http://{address}{path}", timeout=PATIENCE).status_code == 401
    picture = requests.get(f"http://{address}/capture", headers=bearer, timeout=PATIENCE)
    assert Image.open(BytesIO(picture.content)).size == (800, 600)
    told = requests.get(f"http://{address}/status", auth=("anybody", TOKEN), timeout=PATIENCE).json()
    assert told["framesize"] == "SVGA"
    assert not told["online"]
    with requests.get(f"http://{address}/stream", headers=bearer, stream=True, timeout=PATIENCE) as stream:
        assert stream.headers["Content-Type"] == "multipart/x-mixed-replace;boundary=frame"
        read = stream.raw.read(200_000)
    assert read.count(b"--frame\r\n") >= 4


# Found


LAN = (
    "ip link add lan0 type veth peer name far0; ip address add 10.1.0.1/24 dev lan0; ip link set lan0 up; "
    "ip link set far0 up; ip route add 224.0.0.0/4 dev lan0"
)
#: Opens pairing for one board and says which boards the server has found, from within its network.
ADMIN = """
import http.cookiejar, json, re, sys, urllib.parse, urllib.request as u
base, password, mac = sys.argv[1:]
o = u.build_opener(u.ProxyHandler({}), u.HTTPCookieProcessor(http.cookiejar.CookieJar()))
token = re.search('name="csrf_token"[^>]* value="([^"]+)"', o.open(base + "/login").read().decode())[1]
form = {"username": "admin", "password": password, "csrf_token": token}
page = o.open(base + "/login", urllib.parse.urlencode(form).encode()).read().decode()
token = re.search('name="csrf-token" content="([^"]+)"', page)[1]
if mac:
    body = {"kind": "esp32cam", "mac": mac, "code": "12345678", "allow_unencrypted": True}
    headers = {"Content-Type": "application/json", "X-CSRFToken": token, "Referer": base}
    o.open(u.Request(base + "/api/pairing/approve", json.dumps(body).encode(), headers))
print(o.open(base + "/health").read().decode())
"""


def told(server: RunningServer, number: str = "") -> int:
    """How many boards the server has found; with a number, that board is approved first."""
    command = [sys.executable, "-c", ADMIN, f"http://127.0.0.1:{server.port}", server.admin_password, number]
    asked = in_network_of(server.process.pid, *command)
    done = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    found: int = json.loads(done.stdout)["mdns"]["found"]
    return found


def test_board_and_server_find_each_other(make_server: MakeServer, start_camera: Start) -> None:
    python, *command = with_network(LAN, sys.executable, "app.py")
    server = make_server(python=python, command=command, HOST="0.0.0.0", MDNS="true", MDNS_NAME="Shed")
    number = mac()
    camera = start_camera("--interface", "10.1.0.1", "--mac", number, "--speed", "5", network_of=server.process.pid)
    wait_until(lambda: told(server) == 1, "the server has found the board")
    camera.until("not let in")
    assert told(server, number) == 1
    camera.until("sim online")


# Given firmware


class Signer:
    """Who makes firmware."""

    def __init__(self, directory: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.public = directory / "update.pem"
        self.public.write_bytes(
            self._key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )

    def order(self, image: bytes) -> dict[str, object]:
        return {
            "type": "update",
            "path": "/firmware/2",
            "size": len(image),
            "sha256": hashlib.sha256(image).hexdigest(),
            "signature": b64encode(self._key.sign(image, ec.ECDSA(hashes.SHA256()))).decode(),
        }


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path)


def updated(camera: SimulatedCamera, server: DeviceServer, image: bytes, order: dict[str, object]) -> None:
    camera.until("sim online")
    server.firmware["/firmware/2"] = image
    server.tell(order)
    assert server.next("ack")["status"] == "success"


def test_good_firmware_is_kept(start_camera: Start, signer: Signer) -> None:
    image = b"GOOD" + random.randbytes(100_000)
    with DeviceServer() as server:
        options = ("--server", server.url, "--key", server.key, "--update-key", str(signer.public), *FAST)
        camera = start_camera(*options)
        updated(camera, server, image, signer.order(image))
        camera.until("sim firmware good")
        camera.until("sim boot loader: a firmware on trial")
        camera.until("sim online")
        assert (camera.store / "slot").read_bytes() == image
        camera.until("sim firmware kept", timeout=45)


def test_firmware_that_was_tampered_with_is_refused(start_camera: Start, signer: Signer) -> None:
    image = b"GOOD" + random.randbytes(5_000)
    with DeviceServer() as server:
        options = ("--server", server.url, "--key", server.key, "--update-key", str(signer.public), *FAST)
        camera = start_camera(*options)
        updated(camera, server, b"EVIL" + image[4:], signer.order(image))
        camera.until("sim firmware refused")
        camera.until("sim online")
        assert not (camera.store / "boot").exists()
        # Another's signature, though the hash is right.
        stranger = dict(signer.order(image), signature=Signer(camera.store).order(image)["signature"])
        updated_again(camera, server, image, stranger)


def updated_again(camera: SimulatedCamera, server: DeviceServer, image: bytes, order: dict[str, object]) -> None:
    server.firmware["/firmware/2"] = image
    server.tell(order)
    camera.until("sim firmware refused")
    camera.until("sim online")
    assert not (camera.store / "boot").exists()


def test_firmware_that_gets_nowhere_gives_way_to_the_one_before(start_camera: Start, signer: Signer) -> None:
    image = b"BAD!" + random.randbytes(5_000)
    with DeviceServer() as server:
        options = ("--server", server.url, "--key", server.key, "--update-key", str(signer.public), *FAST)
        camera = start_camera(*options)
        updated(camera, server, image, signer.order(image))
        camera.until("sim boot loader: a firmware on trial")
        camera.until("sim joins")
        camera.say("!brownout")  # any reset will do; the five minutes without a session are in the unit tests
        camera.until("sim boot loader: back to the firmware before")
        camera.until("sim online")


def test_a_new_key_is_used_at_once(start_camera: Start) -> None:
    with DeviceServer() as server:
        camera = start_camera("--server", server.url, "--key", server.key)
        camera.until("sim online")
        server.key = "another-key-that-is-long-enough"
        server.tell({"type": "key", "api_key": server.key})
        assert server.next("ack")["command"] == "key"
        camera.until("sim online")
        assert server.key not in camera.printed
