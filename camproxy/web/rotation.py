"""A new key for a device: shown to an admin once, or given to the device itself over its connection."""

from __future__ import annotations

from concurrent.futures import TimeoutError as TooLate
from datetime import datetime

from camproxy.errors import DeviceError, DeviceOffline, NoAnswer
from camproxy.web.review import running_device
from models import Device, DeviceKey, db, digest

#: The command has two seconds; this only bounds what may go wrong on top.
ANSWER_WITHIN = 5.0


def give_new_key(row: Device) -> None:
    """Over a plain connection too: whoever reads along there has the old key already, and would have the new one soon.

    Raises DeviceOffline and DeviceError, and then there is no new key; or NoAnswer, and then the device may have it, so
    that both let it in, the old one for its time.
    """
    device = running_device(row)
    if not device.online:
        raise DeviceOffline("The device is not connected.")
    before = {key.id: key.expires_at for key in row.keys}
    text = row.issue_key()
    # First stored, then sent: it may come back with the new one at once.
    db.session.commit()
    try:
        device.ask("key", api_key=text).result(ANSWER_WITHIN)
    except TooLate:
        raise NoAnswer("The device did not answer in time.") from None
    except (DeviceOffline, DeviceError):
        take_back(row, text, before)
        raise


def take_back(row: Device, text: str, before: dict[int, datetime | None]) -> None:
    db.session.execute(db.delete(DeviceKey).where(DeviceKey.sha256 == digest(text)))
    for number, expires_at in before.items():
        db.session.execute(db.update(DeviceKey).where(DeviceKey.id == number).values(expires_at=expires_at))
    db.session.commit()
