# The little of HTTP/1.1 that a board needs: to ask for a WebSocket, and to post JSON.

from camproxy.reader import TooLong


class BadAnswer(Exception):
    """Not what an HTTP server says."""


def request(method, path, host, headers=(), body=b""):
    lines = ["%s %s HTTP/1.1" % (method, path), "Host: " + host]
    lines.extend("%s: %s" % header for header in headers)
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


async def read_head(reader):
    """(status, {header in small letters: value}). Raises BadAnswer, EOFError, OSError."""
    try:
        head = str(await reader.until(b"\r\n\r\n"), "utf-8")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        version, status = first.split(" ", 2)[:2]
        if version not in ("HTTP/1.0", "HTTP/1.1"):
            raise ValueError()
        headers = {}
        for line in lines:
            name, value = line.split(":", 1)
            headers[name.strip().lower()] = value.strip()
        return int(status), headers
    except (ValueError, UnicodeError, TooLong):
        raise BadAnswer("what answers is no web server") from None


async def read_body(reader, headers):
    """Bytes. Raises BadAnswer for a body whose length is not said, or is too large."""
    try:
        length = int(headers.get("content-length", ""))
        if length < 0:
            raise ValueError()
        return bytes(await reader.exactly(length))
    except (ValueError, TooLong):
        raise BadAnswer("the server's answer is too long") from None
