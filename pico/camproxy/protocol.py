# The messages, as docs/protocol.md has them: what the board says, and how it reads what it is told.

import json

from camproxy import VERSION

KIND = "pico"


class Malformed(Exception):
    """Not a message. `id` is its id, if that could still be read."""

    def __init__(self, why, id=None):
        super().__init__(why)
        self.why = why
        self.id = id


def read(data):
    """The message in those bytes, a dict with a `type`. Raises Malformed."""
    try:
        message = json.loads(str(data, "utf-8"))
    except (ValueError, UnicodeError, RuntimeError):  # RuntimeError: nested too deep
        raise Malformed("not JSON") from None
    if not isinstance(message, dict):
        raise Malformed("not an object")
    if not isinstance(message.get("type"), str):
        raise Malformed("no type", id_of(message))
    return message


def id_of(message):
    """A text or a number; anything else is none."""
    found = message.get("id")
    return found if type(found) is int or isinstance(found, str) and len(found) <= 64 else None


def angles(message):
    """(servo1, servo2) of a servo command, nested or flat; None for one that is left as it is. Raises Malformed."""
    command = message.get("command")
    if not isinstance(command, dict):
        command = message
    found = tuple(command.get(axis) for axis in ("servo1", "servo2"))
    if found == (None, None):
        raise Malformed("neither servo1 nor servo2", id_of(message))
    return tuple(None if each is None else whole_angle(each, message) for each in found)


def whole_angle(value, message):
    """0…180. NaN and infinity are no angles: they would pass a comparison the wrong way and slam the head."""
    if type(value) is float and value == value and abs(value) < 1e6:
        value = int(value + 0.5) if value >= 0 else 0
    if type(value) is not int:
        raise Malformed("an angle must be a number", id_of(message))
    return max(0, min(180, value))


def connect(pose, reset_reason, timestamp):
    return {
        "type": "connect",
        "device": KIND,
        "version": VERSION,
        "timestamp": timestamp,
        "servo1_angle": pose[0],
        "servo2_angle": pose[1],
        "reset_reason": reset_reason,
    }


def ack(command, id, error=None, detail=""):
    """`error` says why it was not done."""
    message = {
        "type": "ack",
        "command": command[:32],
        "status": "error" if error else "success",
        "detail": error or detail,
    }
    if id is not None:
        message["id"] = id
    return message


def position(pose, id=None):
    message = {"type": "position", "servo1": pose[0], "servo2": pose[1]}
    if id is not None:
        message["id"] = id
    return message


def heartbeat(**vitals):
    vitals["type"] = "heartbeat"
    return {name: value for name, value in vitals.items() if value is not None}


def log(level, message):
    return {"type": "log", "level": level, "message": message}


def pong(id):
    return {"type": "pong"} if id is None else {"type": "pong", "id": id}


def registration(token, mac, name, nonce):
    message = {"token": token, "kind": KIND, "mac": mac, "firmware": VERSION, "nonce": nonce}
    if name:
        message["name"] = name
    return message
