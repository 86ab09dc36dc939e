"""/api/pairing: letting devices enrol, for admins."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from flask import Blueprint, request
from flask_login import current_user
from pydantic import AfterValidator, Field, StringConstraints

from camproxy.clock import iso
from camproxy.enrolment import CODE
from camproxy.errors import N_, NotFound
from camproxy.messages import Kind, Mac, Switch
from camproxy.pairing import MINUTES, MOST_MINUTES, WRONG_CODES, WRONG_TRIES
from camproxy.pairing_link import pairing_link, qr_image
from camproxy.web.api.schemas import Answer, Body
from camproxy.web.api.spec import api, gives
from camproxy.web.guards import ADMIN, allow
from camproxy.web.services import certificate, services
from models import Device, PairingToken, PairingWindow, db

bp = Blueprint("pairing", __name__, url_prefix="/api/pairing")


def code(text: str) -> str:
    """People write 1234 5678 and 1234-5678."""
    plain = text.replace(" ", "").replace("-", "")
    if not CODE.fullmatch(plain):
        raise ValueError(N_("must be the 8 digits that the device shows"))
    return plain


class PairingBody(Body):
    kind: Kind
    minutes: Annotated[int, Field(strict=True, ge=1, le=MOST_MINUTES)] = MINUTES
    open_to_network: Switch = False
    allow_unencrypted: Switch = False


class ApprovalBody(Body):
    kind: Kind
    mac: Mac
    code: Annotated[str, StringConstraints(max_length=40), AfterValidator(code)]
    allow_unencrypted: Switch = False


class Approval(Answer):
    """A device that was approved by its code and has not come yet."""

    mac: str
    tries_left: int


class PairingOut(Answer):
    """An open window. `devices` are those that have enrolled through it."""

    kind: Kind
    opened_at: datetime
    expires_at: datetime
    opened_by: str
    open_to_network: bool
    allow_unencrypted: bool
    tries_left: int
    approvals: list[Approval]
    devices: list[int]


class PairingList(Answer):
    items: list[PairingOut]


class PairingOpened(PairingOut):
    """With the token, which is shown this once; `link` says the same to a device, and `qr` is its picture."""

    token: str
    link: str
    qr: str = Field(description="an SVG as a data: URI")


class Found(Answer):
    """A board that announces itself in the local network; none of it is proven. `device` is that of its MAC."""

    kind: Kind
    mac: str
    name: str
    version: str
    paired: bool
    address: str
    last_seen: str
    device: int | None


class FoundList(Answer):
    items: list[Found]
    why: str | None = Field(description="why the server announces nothing itself, for a log; null when it does")


@bp.get("/found")
@allow(ADMIN)
@api.validate(resp=gives(FoundList), tags=["pairing"])
def list_found() -> FoundList:
    """Boards that are in the network now, and announce themselves by mDNS."""
    return found_boards()


def found_boards() -> FoundList:
    discovery = services().discovery
    known: dict[str, int] = {row.mac: row.id for row in db.session.execute(db.select(Device.mac, Device.id))}
    items = [
        Found.model_validate(asdict(board) | {"last_seen": iso(board.last_seen), "device": known.get(board.mac)})
        for board in discovery.found()
    ]
    return FoundList(items=items, why=discovery.state()["why"])


@bp.get("")
@allow(ADMIN)
@api.validate(resp=gives(PairingList), tags=["pairing"])
def list_windows() -> PairingList:
    return open_windows()


def open_windows() -> PairingList:
    return PairingList(items=[pairing_out(row) for row in services().pairing.windows()])


@bp.post("")
@allow(ADMIN)
@api.validate(resp=gives(PairingOpened, status=201, errors=(409,)), tags=["pairing"])
def open_window(json: PairingBody) -> tuple[PairingOpened, int]:
    """Open a window, in the place of one that is open for that kind."""
    token = services().pairing.open(
        json.kind,
        current_user.username,
        json.minutes,
        open_to_network=json.open_to_network,
        allow_unencrypted=json.allow_unencrypted,
    )
    link = pairing_link(request.host_url, json.kind, token, own_fingerprint())
    shown = pairing_out(opened(json.kind)).model_dump()
    return PairingOpened(**shown, token=token, link=link, qr=qr_image(link)), 201


@bp.post("/approve")
@allow(ADMIN)
@api.validate(resp=gives(PairingOut, errors=(409,)), tags=["pairing"])
def approve(json: ApprovalBody) -> PairingOut:
    """Let one device enrol, by the code of 8 digits that it shows. Opens a window if need be."""
    services().pairing.approve(
        json.kind, json.mac, json.code, current_user.username, allow_unencrypted=json.allow_unencrypted
    )
    return pairing_out(opened(json.kind))


@bp.delete("/<kind>")
@allow(ADMIN)
@api.validate(resp=gives(status=204, errors=(404,)), tags=["pairing"])
def close(kind: str) -> tuple[str, int]:
    """With all tokens and approvals that were not used."""
    if not services().pairing.close(kind):
        raise NotFound("Pairing is not open for that.")
    return "", 204


def opened(kind: str) -> PairingWindow:
    row = services().pairing.window(kind)
    if row is None:  # somebody else was very quick
        raise NotFound("Pairing is not open for that.")
    return row


def own_fingerprint() -> str | None:
    """Of the certificate that devices will see, if it is ours and no proxy's."""
    ours = certificate()
    return ours.fingerprint if ours and "werkzeug.proxy_fix.orig" not in request.environ else None


def pairing_out(row: PairingWindow) -> PairingOut:
    return PairingOut.model_validate(
        {name: getattr(row, name) for name in ("kind", "opened_at", "expires_at", "opened_by")}
        | {"open_to_network": row.open_to_network, "allow_unencrypted": row.allow_unencrypted}
        | {"tries_left": WRONG_TRIES - row.wrong_tries}
        | {"approvals": [approval_out(token) for token in row.tokens if token.mac and token.used_at is None]}
        | {"devices": [token.device_id for token in row.tokens if token.device_id]}
    )


def approval_out(row: PairingToken) -> Approval:
    return Approval(mac=row.mac or "", tries_left=WRONG_CODES - row.wrong_tries)
