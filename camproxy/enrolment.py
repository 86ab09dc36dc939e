"""Enrolment: a device shows a token and gets a key. Who may have a token is in `pairing.py`."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn

from sqlalchemy.exc import IntegrityError

from camproxy import audit
from camproxy.audit import Action
from camproxy.clock import Clock
from camproxy.errors import N_, EncryptionRequired, Forbidden
from camproxy.listeners import tell
from camproxy.messages import Register
from camproxy.new_devices import admit
from camproxy.pairing import UNENCRYPTED, Pairing, changed, removed, still_open
from camproxy.replies import Replies
from models import Device, PairingToken, PairingWindow, db, digest

log = logging.getLogger(__name__)

#: What a device shows that an admin is to approve.
CODE = re.compile(r"[0-9]{8}")
WRONG_TOKEN = "wrong token"
#: How often it is begun anew when another makes the same row at the same moment.
TRIES = 3

NOT_LET_IN = N_(
    "This device is not let in. It needs a valid token, or to be approved, while an admin has pairing open."
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a device needs to come back: its number, its key, where to connect."""

    device_id: int
    api_key: str = field(repr=False)
    ws_path: str


class Enrolment:
    """Needs an application context.

    `listeners` are called with the row of each device that was let in, new or known, after the commit and in the thread
    of its request; what they raise is logged.
    """

    def __init__(self, pairing: Pairing, clock: Clock, frame_rate: int) -> None:
        self._pairing = pairing
        self._frame_rate = frame_rate
        self._replies: Replies[Credentials] = Replies(clock)
        self.listeners: list[Callable[[Device], None]] = []

    def redeem(self, asked: Register, address: str, *, encrypted: bool) -> Credentials:
        """A key for a token, once; to the same device with the same nonce within a minute, the same again.

        Raises EncryptionRequired, and Forbidden, always the same, for whatever else is wrong.
        """
        if asked.nonce is None:
            return self._redeem(asked, address, encrypted)
        # With `encrypted`, because a key that went over TLS is not to be told again in the clear.
        question = (digest(asked.token), asked.nonce, asked.kind, asked.mac, encrypted)
        return self._replies.once(question, lambda: self._redeem(asked, address, encrypted))

    def _redeem(self, asked: Register, address: str, encrypted: bool) -> Credentials:
        for _ in range(TRIES - 1):
            try:
                return self._redeem_once(asked, address, encrypted)
            except IntegrityError:  # an admin may have added a camera of that name
                db.session.rollback()
        return self._redeem_once(asked, address, encrypted)

    def _redeem_once(self, asked: Register, address: str, encrypted: bool) -> Credentials:
        # Where rows can be locked, one device after the other: what belongs together must see each other.
        window = self._pairing.window(asked.kind, to_change=True)
        if not encrypted and not (window and window.allow_unencrypted):
            self._spoil(asked)
            raise EncryptionRequired(UNENCRYPTED)
        at = self._pairing.now()
        token = self._claim(asked, at)
        known = db.session.scalar(db.select(Device).filter_by(mac=asked.mac))
        why = objection(known, asked, token) if token else WRONG_TOKEN
        if token is None or why:
            db.session.rollback()
            self._refuse(asked, why)
        device = admit(known, asked, address, self._frame_rate)
        key = device.issue_key()
        token.device_id = device.id
        how = asked.kind if known is None else f"{asked.kind}, again"
        audit.note(Action.DEVICE_ENROLLED, f"{device.name} ({device.mac})", how, who=audit.STRANGER)
        db.session.commit()
        log.info("%s %s has enrolled as device %d", asked.kind, asked.mac, device.id)
        tell(self.listeners, device)
        return Credentials(device.id, key, f"/ws/{asked.kind}")

    def _claim(self, asked: Register, at: datetime) -> PairingToken | None:
        """Use the token up; None if it is none. Of several who show the same one, the database lets one have it."""
        still = db.select(PairingWindow.kind).where(still_open(at))
        unused = (PairingToken.sha256 == sha256_of(asked), PairingToken.used_at.is_(None))
        fits = (*unused, PairingToken.kind == asked.kind, PairingToken.kind.in_(still))
        if not changed(db.update(PairingToken).where(*fits).values(used_at=at)):
            return None
        claimed: PairingToken = db.session.scalars(db.select(PairingToken).filter_by(sha256=sha256_of(asked))).one()
        return claimed

    def _spoil(self, asked: Register) -> None:
        """What went over the air in the clear lets nobody in any more."""
        void = (PairingToken.sha256 == sha256_of(asked), PairingToken.used_at.is_(None))
        if removed(db.delete(PairingToken).where(*void)):
            said = f"{asked.kind} {asked.mac}"
            log.warning("%s sent its token unencrypted; it is void", said)
            audit.note(Action.DEVICE_REFUSED, said, "sent its token unencrypted; it is void", who=audit.STRANGER)
        db.session.commit()

    def _refuse(self, asked: Register, why: str) -> NoReturn:
        """Raises Forbidden. Only the log and the audit log say why."""
        if CODE.fullmatch(asked.token):  # every few seconds, until somebody approves it
            log.debug("%s %s is not let in by its code: %s", asked.kind, asked.mac, why)
            self._pairing.wrong_code(asked.kind, asked.mac, why)
        else:
            log.warning("%s %s is not let in: %s", asked.kind, asked.mac, why)
            self._pairing.wrong_try(asked.kind, asked.mac, why)
        raise Forbidden(NOT_LET_IN)


def sha256_of(asked: Register) -> str:
    if CODE.fullmatch(asked.token):
        return PairingToken.code_digest(asked.mac, asked.token)
    return digest(asked.token)


def objection(known: Device | None, asked: Register, token: PairingToken) -> str:
    """Why a device may not come back, even with a token; empty if it may."""
    if known is None:
        return ""
    if known.kind != asked.kind:
        return f"it has enrolled as {known.kind}"
    if not known.enabled:
        return "it is switched off"
    if token.address is not None and (known.last_seen_at or any(key.first_used_at for key in known.keys)):
        # A MAC is no secret: who got a token for the asking could take the place of any device.
        return "it is in use already, and anybody could have had that token"
    return ""
