"""/recordings: what was recorded, as files that a browser or a player fetches, whole or in ranges."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from camproxy.messages import refusal
from camproxy.recording.book import RECORDING
from camproxy.web import pages
from camproxy.web.api.recording_schemas import RecordingList, RecordingQuery, ThumbnailQuery
from camproxy.web.api.recordings import its_file, listed
from camproxy.web.api.spec import api, gives
from camproxy.web.errors import wants_page
from camproxy.web.guards import LOGIN, SEE, allow
from camproxy.web.services import services
from models import Camera, Recording, db

bp = Blueprint("recordings", __name__, url_prefix="/recordings")

#: How much is read and sent at once. Bytes.
PIECE = 65_536
#: A browser may keep it, but asks each time whether it may still show it.
ASK_AGAIN = "private, no-cache"


@bp.get("")
@allow(LOGIN)
@api.validate(query=RecordingQuery, resp=gives(RecordingList, errors=(404,)), tags=["recordings"], skip_validation=True)
def recordings() -> RecordingList | Response:
    """The newest first; for a person with a browser, the page."""
    if wants_page():
        return pages.recordings()
    try:
        return listed(RecordingQuery.model_validate(request.args.to_dict()))
    except ValidationError as error:
        raise refusal(error) from None


@bp.get("/<int:recording_id>/video")
@allow(SEE)
def video(recording_id: int) -> ResponseReturnValue:
    row: Recording = g.recording_row
    with its_file(row):
        if row.state == RECORDING:  # what is behind the last whole fragment does not play yet
            file, index = services().indexes.open(row.id, row.path)
            length = index.whole
        else:
            file = services().recordings.storage.open(row.path)
            length = os.fstat(file.fileno()).st_size
    body = Excerpt(file, length)
    try:
        response = Response(body, content_type="video/mp4", direct_passthrough=True)
        response.content_length = length
        response.set_etag(f"{row.id}-{length:x}-{os.fstat(file.fileno()).st_mtime_ns:x}")
        response.headers["Cache-Control"] = ASK_AGAIN
        if request.args.get("download") == "1":
            response.headers.set("Content-Disposition", "attachment", filename=file_name(row))
        return response.make_conditional(ranged(request.environ, length), accept_ranges=True, complete_length=length)
    except BaseException:
        body.close()
        raise


@bp.get("/<int:recording_id>/thumbnail.jpg")
@allow(SEE)
def thumbnail(recording_id: int) -> ResponseReturnValue:
    try:
        asked = ThumbnailQuery.model_validate(request.args.to_dict())
    except ValidationError as error:
        raise refusal(error) from None
    row: Recording = g.recording_row
    with its_file(row):
        picture = services().thumbnails.get(row.id, row.path, int(asked.at), asked.width)
    response = Response(picture, content_type="image/jpeg", headers={"Cache-Control": ASK_AGAIN})
    response.add_etag()
    return response.make_conditional(request.environ)


class Excerpt:
    """The first bytes of an open file, as a body that Werkzeug can go to places in. Closes the file."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file = file
        self._length = length

    def seekable(self) -> bool:
        return True

    def seek(self, at: int) -> int:
        return self._file.seek(at)

    def tell(self) -> int:
        return self._file.tell()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = self._file.read(max(min(PIECE, self._length - self._file.tell()), 0))
        if not piece:
            raise StopIteration
        return piece

    def close(self) -> None:
        self._file.close()


def ranged(environ: dict[str, Any], length: int) -> dict[str, Any]:
    """Without a range that is none, or of several parts: then all of it is sent, as RFC 9110 (14.2) allows.

    And the last so many bytes of less than that are all of them (14.1.2), which Werkzeug refuses.
    """
    asked = request.range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return {name: value for name, value in environ.items() if name != "HTTP_RANGE"}
    if asked.ranges[0][0] < -length:
        return environ | {"HTTP_RANGE": "bytes=0-"}
    return environ


def file_name(row: Recording) -> str:
    """Camera, day and hour by the clock on the wall, which the path of the file has already."""
    camera = row.camera_id and db.session.get(Camera, row.camera_id)
    _, day, hour = row.path.split("/")
    return re.sub(r"[^\w.-]+", "-", f"{camera.slug if camera else 'camera'}_{day}_{hour}")
