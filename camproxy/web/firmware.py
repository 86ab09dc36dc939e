"""/device/firmware: where a board fetches what it was told to fetch, by its key; and what was sent of it."""

from __future__ import annotations

import errno
import io
import selectors
import socket
from collections.abc import Callable
from typing import IO, cast

from flask import Blueprint, Response, after_this_request, g, request
from werkzeug.wsgi import FileWrapper

from camproxy.errors import RateLimited
from camproxy.web.api.spec import api, gives
from camproxy.web.edge import server_socket
from camproxy.web.guards import DEVICE, allow
from camproxy.web.services import services

bp = Blueprint("firmware", __name__)

#: A connection that takes something has room for this much, so that no thread waits for the rest of a piece. Bytes.
PIECE = 8192
#: So much may be on its way; else the kernel would take all of it, and nobody knew how far the board is. Bytes.
ON_THE_WAY = 65_536
#: A board that takes nothing for so long has gone, whatever its connection says. Seconds.
STALLED_AFTER = 20.0


class Watched(io.RawIOBase):
    """A file that says how far it was read, and that is read only as fast as the other side takes it."""

    def __init__(self, file: IO[bytes], sock: socket.socket | None, tell: Callable[[int], None]) -> None:
        self._file = file
        self._sock = sock
        self._tell = tell

    def read(self, size: int = -1) -> bytes:
        if self._sock and not takes_more(self._sock):
            # What a connection says that has ended: the server has seen many.
            raise ConnectionResetError(errno.ECONNRESET, "the board takes nothing any more")
        self._tell(self._file.tell())  # the piece before has gone
        return self._file.read(size)

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        if not self.closed:
            self._tell(self._file.tell())  # the last piece had room
            self._file.close()
        super().close()


def takes_more(sock: socket.socket) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_WRITE)
        return bool(selector.select(STALLED_AFTER))


@bp.get("/device/firmware/<int:firmware_id>")
@allow(DEVICE)
@api.validate(resp=gives(status=200, errors=(404, 416, 429)), tags=["firmware"])
def download(firmware_id: int) -> Response:
    """The image, as application/octet-stream, for a device that is to have it; with Range the rest of it."""
    shared, device = services(), g.device_row.id
    if not shared.downloads.allow(device):
        raise RateLimited("Too many attempts. Try again in a minute.")
    image = shared.updates.fetching(device, firmware_id)
    sock = server_socket(request.environ)
    if sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ON_THE_WAY)
    file = Watched(
        shared.firmware.open(image.id),
        sock,
        lambda until: shared.updates.fetched(device, image.id, until),
    )
    body = FileWrapper(cast(IO[bytes], file), PIECE)
    response = Response(body, mimetype="application/octet-stream", direct_passthrough=True)
    response.call_on_close(file.close)
    response.content_length = image.size
    response.set_etag(image.sha256)
    try:
        response.make_conditional(request, accept_ranges=True, complete_length=image.size)
    except BaseException:
        file.close()
        raise
    # The validation would read the answer into memory; so it does not get to see it.
    after_this_request(lambda _: response)
    return Response()
