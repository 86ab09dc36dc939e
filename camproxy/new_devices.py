"""The rows of a device that is let in: itself, its camera, and the other half of a head if both are alone."""

from __future__ import annotations

from camproxy.messages import Register
from models import Camera, Device, db

CALLED = {"esp32cam": "ESP32-CAM", "pico": "Pico"}


def admit(known: Device | None, asked: Register, address: str, frame_rate: int) -> Device:
    """The device's row, new or as it was, and what belongs to it. The caller commits, or tries again.

    A known device keeps all that it has; it gets a name only if it says one.
    """
    device = known or Device(kind=asked.kind, mac=asked.mac, name=f"{CALLED[asked.kind]} {asked.mac[-8:]}")
    device.name = asked.name or device.name
    device.firmware = asked.firmware or device.firmware or ""
    device.address = address[:45]
    db.session.add(device)
    db.session.flush()  # its number is in its camera's address
    is_new = known is None
    if device.kind == "esp32cam" and camera_of(device) is None:
        db.session.add(new_camera(device, frame_rate))
        is_new = True
    if is_new:  # what an admin has parted stays apart
        pair_the_lonely()
    return device


def camera_of(device: Device) -> Camera | None:
    """The camera whose pictures come from that board."""
    found: Camera | None = db.session.scalar(db.select(Camera).filter_by(url=address_of(device)))
    return found


def address_of(device: Device) -> str:
    return f"device:{device.id}"


def new_camera(device: Device, frame_rate: int) -> Camera:
    name = Camera.free_name(device.name)
    # As of one that an admin adds: who may steer it is for the admin to say.
    return Camera(name=name, slug=Camera.free_slug(name), url=address_of(device), fps=frame_rate, everyone="view")


def pair_the_lonely() -> None:
    """The only board with a camera and no Pico, and the only Pico without a camera, belong together."""
    with_pico = db.select(Camera.pico_id).where(Camera.pico_id.is_not(None))
    lone_cameras = db.select(Camera).where(Camera.url.startswith("device:"), Camera.pico_id.is_(None)).limit(2)
    lone_picos = db.select(Device).where(Device.kind == "pico", Device.enabled, Device.id.not_in(with_pico)).limit(2)
    cameras, picos = db.session.scalars(lone_cameras).all(), db.session.scalars(lone_picos).all()
    if len(cameras) == len(picos) == 1:
        cameras[0].pico_id = picos[0].id
