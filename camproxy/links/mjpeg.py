"""A channel that reads multipart JPEG over HTTP: Espressif's `/stream`, and most network cameras."""

from __future__ import annotations

import http.client
import socket
import ssl
from base64 import b64encode
from collections import deque
from email.message import Message
from urllib.parse import unquote, urlsplit

from camproxy.errors import ChannelError
from camproxy.links.multipart import MultipartReader
from camproxy.links.reasons import reason_of

CONNECT_WITHIN = 5.0
#: A stream that is open and says nothing for this long has ended, whatever TCP believes.
SILENT_AFTER = 5.0


class MjpegChannel:
    """Opens the stream at `url`; parts over `largest` bytes end it. It has no way back: commands are refused."""

    pull = False

    def __init__(self, url: str, largest: int) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._frames: deque[bytes] = deque()
        headers = {"Accept": "multipart/x-mixed-replace, image/jpeg"}
        if parts.username:
            credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = "Basic " + b64encode(credentials.encode()).decode()
        try:
            self._http = kind(parts.hostname or "", parts.port, timeout=CONNECT_WITHIN)
            self._http.connect()
            self._socket: socket.socket = self._http.sock
            self._socket.settimeout(SILENT_AFTER)
            self._http.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), headers=headers)
            self._response = self._http.getresponse()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ChannelError(http_reason(error), str(error)) from error
        self._reader = MultipartReader(self._boundary(), largest)

    def _boundary(self) -> str:
        if self._response.status in (401, 403):
            raise self._refuse("unauthorized", f"HTTP {self._response.status}")
        if self._response.status != 200:
            raise self._refuse("handshake", f"HTTP {self._response.status}")
        content = Message()
        content["Content-Type"] = self._response.headers.get("Content-Type", "")
        boundary = content.get_boundary()
        if content.get_content_maintype() != "multipart" or not boundary:
            raise self._refuse("handshake", f"not an MJPEG stream but {content.get_content_type()}")
        return boundary

    def _refuse(self, reason: str, detail: str) -> ChannelError:
        self._http.close()
        return ChannelError(reason, detail)

    def receive(self, timeout: float) -> bytes | str | None:
        """See Channel. `timeout` is not looked at: within SILENT_AFTER seconds there is a frame or an error."""
        while not self._frames:
            try:
                data = self._response.read1(65536)
                if not data:
                    raise ChannelError("closed", "by the camera")
                self._frames.extend(self._reader.feed(data))
            except (OSError, http.client.HTTPException) as error:
                raise ChannelError(http_reason(error, while_open=True), str(error)) from error
            except ValueError as error:
                raise ChannelError("bad_frames", str(error)) from error
        return self._frames.popleft()

    def send(self, text: str) -> None:
        raise ChannelError("closed", "an MJPEG stream takes no commands")

    def close(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is closed already

    def release(self) -> None:
        self._response.close()
        self._http.close()


def http_reason(error: BaseException, *, while_open: bool = False) -> str:
    if isinstance(error, TimeoutError) and while_open:
        return "silent"
    if isinstance(error, http.client.HTTPException) and not isinstance(error, (OSError, ssl.SSLError)):
        return "handshake"
    return reason_of(error)
