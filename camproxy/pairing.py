"""Pairing: how an admin lets devices enrol, by a window with one-time tokens or by approving a device's code.

The rows are the truth, so that a script of another process does the same. What devices do is in `enrolment.py`.
"""

from __future__ import annotations

import logging
import secrets
import string
from datetime import datetime, timedelta
from typing import Any, cast

from flask import Flask
from sqlalchemy import ColumnElement, CursorResult, func
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from camproxy import audit
from camproxy.addresses import client
from camproxy.audit import Action
from camproxy.clock import Clock, moment
from camproxy.database import is_unusable, reason
from camproxy.errors import N_, BadRequest, Conflict, EncryptionRequired, Forbidden, RateLimited
from models import Device, PairingToken, PairingWindow, db, digest

log = logging.getLogger(__name__)

#: How long a window is open, by default and at most. Minutes.
MINUTES, MOST_MINUTES = 5, 15
#: So many close a window.
WRONG_TRIES = 20
#: So many end an approval.
WRONG_CODES = 5
#: How many unused tokens a window may have handed out to the network.
NETWORK_TOKENS = 32

UNENCRYPTED = N_("Devices enrol over HTTPS only, unless an admin opens pairing with “allow unencrypted”.")
HOW_TO_PAIR = N_(
    "No tokens are given here now. An admin opens pairing for the network, or enters the token or approves the code of"
    " the device."
)


def still_open(at: datetime) -> ColumnElement[bool]:
    return PairingWindow.expires_at > at


class Pairing:
    """A subsystem: start, stop, state. The other methods need an application context, and commit what they do."""

    def __init__(self, app: Flask, clock: Clock) -> None:
        self._app = app
        self._clock = clock
        #: Whether those from before the start are.
        self._closed_all = True

    def start(self) -> None:
        """Whoever opened a window before the server went down may have gone away."""
        self._closed_all = False
        with self._app.app_context():
            try:
                self._close_all()
            except SQLAlchemyError as error:
                if not is_unusable(error):
                    raise
                db.session.rollback()
                log.warning("what was open for pairing is closed when the database takes it: %s", reason(error))

    def _close_all(self) -> None:
        if removed(db.delete(PairingWindow)):
            log.info("closed what was open for pairing")
        db.session.commit()
        self._closed_all = True

    def stop(self) -> None:
        pass

    def state(self) -> dict[str, Any]:
        return {}

    def now(self) -> datetime:
        return moment(self._clock.wall())

    def windows(self, *, to_change: bool = False) -> list[PairingWindow]:
        """Those that are open. `to_change` locks them until the commit, where the database can lock rows."""
        if not self._closed_all:
            self._close_all()
        found = db.select(PairingWindow).where(still_open(self.now())).order_by(PairingWindow.kind)
        return list(db.session.scalars(found.with_for_update() if to_change else found))

    def window(self, kind: str, *, to_change: bool = False) -> PairingWindow | None:
        return next((row for row in self.windows(to_change=to_change) if row.kind == kind), None)

    # By an admin

    def open(
        self,
        kind: str,
        by: str,
        minutes: int = MINUTES,
        *,
        open_to_network: bool = False,
        allow_unencrypted: bool = False,
    ) -> str:
        """Open a window, in the place of one that is open. The text of its token, which is known only here and now.

        Raises Conflict; ValueError for more than MOST_MINUTES.
        """
        if not 1 <= minutes <= MOST_MINUTES:
            raise ValueError(f"{minutes} minutes")
        db.session.execute(db.delete(PairingWindow).where(PairingWindow.kind == kind))
        window = self._new_window(kind, by, minutes)
        window.open_to_network, window.allow_unencrypted = open_to_network, allow_unencrypted
        text = self._new_token(kind)
        said = [f"{minutes} min", *["to the network"] * open_to_network, *["unencrypted"] * allow_unencrypted]
        audit.note(Action.PAIRING_OPENED, kind, ", ".join(said))
        store()
        log.info("pairing is open for %s, %s", kind, ", ".join(said))
        return text

    def close(self, kind: str) -> bool:
        """Whether it was open."""
        was_open = self.window(kind) is not None
        db.session.execute(db.delete(PairingWindow).where(PairingWindow.kind == kind))
        if was_open:
            audit.note(Action.PAIRING_CLOSED, kind)
        db.session.commit()
        return was_open

    def approve(self, kind: str, mac: str, code: str, by: str, *, allow_unencrypted: bool = False) -> None:
        """Let the device of that MAC enrol with the code that it shows: 8 digits. Opens a window if need be.

        Raises Conflict.
        """
        known = db.session.scalar(db.select(Device).filter_by(mac=mac))
        if known and known.kind != kind:
            raise Conflict("This device has enrolled already, as one of another kind.")
        if known and not known.enabled:
            raise Conflict("This device is switched off. Switch it on first.")
        window = self.window(kind, to_change=True)
        if window is None:
            db.session.execute(db.delete(PairingWindow).where(PairingWindow.kind == kind))
            self._new_window(kind, by, MINUTES).allow_unencrypted = allow_unencrypted
        elif allow_unencrypted and not window.allow_unencrypted:
            raise Conflict("Pairing is open for encrypted connections only. Close it first.")
        else:
            longest = window.opened_at + timedelta(minutes=MOST_MINUTES)
            window.expires_at = max(window.expires_at, min(self.now() + timedelta(minutes=MINUTES), longest))
        db.session.execute(db.delete(PairingToken).where(PairingToken.mac == mac))
        db.session.add(
            PairingToken(kind=kind, mac=mac, sha256=PairingToken.code_digest(mac, code), created_at=self.now())
        )
        audit.note(Action.DEVICE_APPROVED, f"{kind} {mac}")
        store()

    # By a device

    def network_token(self, kind: str | None, address: str, *, encrypted: bool) -> tuple[PairingWindow, str]:
        """A token for whoever asks, while a window is open to the network. An earlier one of that address is void.

        Raises Forbidden, EncryptionRequired, BadRequest and RateLimited.
        """
        found = [row for row in self.windows(to_change=True) if row.open_to_network and kind in (None, row.kind)]
        if not found:
            raise Forbidden(HOW_TO_PAIR)
        if len(found) > 1:
            raise BadRequest("must have a value", where="kind")
        window = found[0]
        if not encrypted and not window.allow_unencrypted:
            raise EncryptionRequired(UNENCRYPTED)
        unused = (PairingToken.kind == window.kind, PairingToken.address.is_not(None), PairingToken.used_at.is_(None))
        db.session.execute(db.delete(PairingToken).where(*unused, PairingToken.address == client(address)))
        if (db.session.scalar(db.select(func.count()).where(*unused)) or 0) >= NETWORK_TOKENS:
            raise RateLimited("Too many tokens are waiting to be used. Try again later.")
        text = self._new_token(window.kind, client(address))
        audit.note(Action.PAIRING_TOKEN_GIVEN, window.kind, who=audit.STRANGER)
        try:
            db.session.commit()
        except IntegrityError:  # closed meanwhile
            db.session.rollback()
            raise Forbidden(HOW_TO_PAIR) from None
        return window, text

    def wrong_try(self, kind: str, mac: str, why: str) -> None:
        """Count it against the open window of that kind; the last one closes that."""
        of_kind = (PairingWindow.kind == kind, still_open(self.now()))
        if changed(db.update(PairingWindow).where(*of_kind).values(wrong_tries=PairingWindow.wrong_tries + 1)):
            audit.note(Action.DEVICE_REFUSED, f"{kind} {mac}", why, who=audit.STRANGER)
        if removed(db.delete(PairingWindow).where(*of_kind, PairingWindow.wrong_tries >= WRONG_TRIES)):
            log.warning("pairing for %s was closed: %d wrong tries", kind, WRONG_TRIES)
            audit.note(Action.PAIRING_ENDED, kind, who=audit.STRANGER)
        db.session.commit()

    def wrong_code(self, kind: str, mac: str, why: str) -> None:
        """Count it against the approval of that device, if there is one; the last one ends it.

        A device tries its code until it is approved: that is no try at anybody's token.
        """
        still = db.select(PairingWindow.kind).where(still_open(self.now()))
        unused = (PairingToken.kind.in_(still), PairingToken.used_at.is_(None))
        its = (PairingToken.kind == kind, PairingToken.mac == mac, *unused)
        if changed(db.update(PairingToken).where(*its).values(wrong_tries=PairingToken.wrong_tries + 1)):
            audit.note(Action.DEVICE_REFUSED, f"{kind} {mac}", why, who=audit.STRANGER)
        if removed(db.delete(PairingToken).where(*its, PairingToken.wrong_tries >= WRONG_CODES)):
            log.warning("the approval of %s %s was ended: %d wrong codes", kind, mac, WRONG_CODES)
            audit.note(Action.PAIRING_ENDED, f"{kind} {mac}", who=audit.STRANGER)
        db.session.commit()

    # Rows

    def _new_window(self, kind: str, by: str, minutes: int) -> PairingWindow:
        begins = self.now()
        ends = begins + timedelta(minutes=minutes)
        window = PairingWindow(kind=kind, opened_at=begins, expires_at=ends, opened_by=by[:80])
        db.session.add(window)
        return window

    def _new_token(self, kind: str, address: str | None = None) -> str:
        # 128 random bits and one letter, for what begins with a hyphen is no argument of a command.
        text = secrets.choice(string.ascii_letters) + secrets.token_urlsafe(16)
        db.session.add(PairingToken(kind=kind, sha256=digest(text), address=address, created_at=self.now()))
        return text


def changed(statement: Any) -> bool:
    """Carry out; whether there was such a row."""
    result = db.session.execute(statement, execution_options={"synchronize_session": False})
    return cast(CursorResult[Any], result).rowcount > 0


removed = changed


def store() -> None:
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Conflict("Somebody else has changed that at the same moment. Try again.") from None
