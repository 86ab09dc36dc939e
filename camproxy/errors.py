"""The domain's own errors.

Each has a stable `code`, the one that docs/protocol.md lists, and the HTTP status that goes with it. The message is a
sentence for the person who asked; it never holds a secret. It is written here in English and translated where it is
told, for only there is it known who asked: `web/errors.py`. `make texts` collects it from where the error is made.
"""

from __future__ import annotations


class CamProxyError(Exception):
    """Base of everything that CamProxy raises on purpose.

    `values` fill the message's %(name)s; `where` is the field, setting or argument that the message is about.
    """

    code = "internal"
    status = 500

    def __init__(self, message: str = "", *, where: str = "", **values: object) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.values = values

    def __str__(self) -> str:
        return self.told(self.message)

    def told(self, message: str) -> str:
        """The sentence for a person, from the message in whichever language."""
        filled = message % self.values if self.values else message
        return f"{self.where}: {filled}" if self.where else filled


def N_(message: str) -> str:
    """Marks a message for `make texts` where it is not made into an error on the spot."""
    return message


class BadRequest(CamProxyError):
    """What was sent is not of the described form."""

    code = "bad_request"
    status = 400


class Unauthorized(CamProxyError):
    """Nobody is logged in."""

    code = "unauthorized"
    status = 401


class Forbidden(CamProxyError):
    """This user may not do that."""

    code = "forbidden"
    status = 403


class EncryptionRequired(CamProxyError):
    """What was sent over plain HTTP is only taken over HTTPS."""

    code = "encryption_required"
    status = 403


class NotFound(CamProxyError):
    """There is no such thing, or none that this user may see: the two are told apart to nobody."""

    code = "not_found"
    status = 404


class Conflict(CamProxyError):
    """It exists already, or something still needs it."""

    code = "conflict"
    status = 409


class TooLarge(CamProxyError):
    """The message is larger than allowed."""

    code = "too_large"
    status = 413


class ControlHeld(CamProxyError):
    """Somebody else is steering."""

    code = "control_held"
    status = 423


class RateLimited(CamProxyError):
    """Too many attempts within too short a time."""

    code = "rate_limited"
    status = 429


class DeviceError(CamProxyError):
    """The device answered, with an error."""

    code = "device_error"
    status = 502


class DeviceOffline(CamProxyError):
    """The device is not connected; nothing was sent."""

    code = "device_offline"
    status = 503


class Unavailable(CamProxyError):
    """Not now, but perhaps in a moment: the database does not answer, or the server is stopping."""

    code = "unavailable"
    status = 503


class NoAnswer(CamProxyError):
    """The device did not answer in time. Whether it moved is unknown."""

    code = "no_answer"
    status = 504


class StorageFull(CamProxyError):
    """There is not enough room on the disk."""

    code = "storage_full"
    status = 507


class CannotStart(CamProxyError):
    """The server cannot start until a person has seen to something; the message says to what."""


class BadSetting(CannotStart):
    """A setting has a value that cannot be."""


class ChannelError(CamProxyError):
    """A connection to a device could not be opened, or has ended.

    `reason` is one of the words that docs/protocol.md lists under camera_status.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
