"""UpdateBook: what becomes of updates, written down; and read again when the server starts."""

from __future__ import annotations

from camproxy.clock import moment
from camproxy.later import Later
from camproxy.updates import Image, Update, Updates
from models import Event, Firmware, FirmwareUpdate, db

#: The steps that are an event of the device.
EVENTS = {"downloading", "installed", "failed", "rolled_back"}


class UpdateBook:
    """Listens; writes without blocking."""

    def __init__(self, updates: Updates, later: Later) -> None:
        self._later = later
        self._started: set[int] = set()
        updates.listeners.append(self.changed)

    def changed(self, update: Update) -> None:
        self._later.change(FirmwareUpdate, update.device, "update", lambda row: fill(row, update))
        if update.state in EVENTS and not self._goes_on(update):
            text = f"{update.version}: {update.detail}" if update.detail else update.version
            at = moment(update.since)
            self._later.note(Event(at=at, kind=f"update_{update.state}", device_id=update.device, detail=text[:500]))

    def _goes_on(self, update: Update) -> bool:
        """Whether it is a download that has broken off, and goes on."""
        known = update.device in self._started
        if update.state == "downloading":
            self._started.add(update.device)
        elif update.state != "trying":
            self._started.discard(update.device)
        return known and update.state == "downloading"


def fill(row: FirmwareUpdate, update: Update) -> None:
    # Of one that is over, the image may have been removed since.
    row.firmware_id = update.image.id if update.image and db.session.get(Firmware, update.image.id) else None
    row.version, row.state, row.detail, row.tries = update.version, update.state, update.detail[:500], update.tries
    row.since = moment(update.since)


def image_of(row: Firmware) -> Image:
    return Image(row.id, row.version, row.size, row.sha256, row.signature)


def known_updates() -> list[Update]:
    """As they are in the database."""
    rows = db.session.execute(
        db.select(FirmwareUpdate, Firmware).outerjoin(Firmware, Firmware.id == FirmwareUpdate.firmware_id)
    )
    return [
        Update(
            row.device_id,
            row.version,
            image and image_of(image),
            row.state,
            row.since.timestamp(),
            row.detail,
            row.tries,
        )
        for row, image in rows
    ]
