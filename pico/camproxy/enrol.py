# Enrolment: a pairing token, or a code that an admin types, becomes a key. docs/protocol.md, "Enrolment".

import asyncio
import binascii
import json
import os

from camproxy import http, net, store
from camproxy.reader import Reader

CODE_FILE = "code.json"
#: Seconds for the whole of an attempt, TLS on a slow board included.
WITHIN = 20


class NotLetIn(Exception):
    """What the server has answered, for the log. `final` when that token will never do."""

    def __init__(self, why, final):
        super().__init__(why)
        self.final = final


def code():
    """The 8 digits that an admin types. They stay the same until the board has its key."""
    kept = store.load(CODE_FILE)
    if isinstance(kept, str) and len(kept) == 8:
        return kept
    # 2^32 is no multiple of 10^8; that makes some codes a fiftieth more likely, which helps nobody.
    fresh = "%08d" % (int.from_bytes(os.urandom(4), "big") % 100_000_000)
    store.save(CODE_FILE, fresh)
    return fresh


def nonce():
    """One for an attempt and its repetitions: a lost answer is then given again."""
    return binascii.hexlify(os.urandom(16)).decode()


async def register(dialler, host, port, asked, buffer):
    """Post it; the server's answer as a dict. Raises NotLetIn, http.BadAnswer, net.NotBelieved, EOFError, OSError."""
    stream = await dialler.dial(host, port)
    try:
        return await asyncio.wait_for(_post(stream, "%s:%d" % (host, port), asked, buffer), WITHIN)
    except asyncio.TimeoutError:
        raise OSError(110) from None
    except (OSError, ValueError) as error:
        raise net.believable(error) from None
    finally:
        await net.close(stream)


async def _post(stream, host, asked, buffer):
    body = json.dumps(asked).encode()
    headers = (("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Connection", "close"))
    stream.write(http.request("POST", "/register", host, headers, body))
    await stream.drain()
    reader = Reader(stream, buffer)
    status, answered = await http.read_head(reader)
    said = _json(await http.read_body(reader, answered))
    if status == 201:
        return said
    why = "%d %s" % (status, said.get("message") or said.get("error") or "")
    raise NotLetIn(why[:160], status in (400, 403))


def _json(body):
    try:
        found = json.loads(str(body, "utf-8"))
    except (ValueError, UnicodeError):
        found = None
    if not isinstance(found, dict):
        raise http.BadAnswer("what answers is no CamProxy")
    return found
