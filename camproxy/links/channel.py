"""Channel: one open connection to a device, whoever dialled."""

from __future__ import annotations

from typing import Protocol


class Channel(Protocol):
    """What every kind of connection offers to `DeviceLink`.

    One thread receives and one thread sends; `close` may be called from any thread and ends both.
    """

    #: Whether the device sends a frame only when it gets the text `getframe`. Otherwise it sends by itself.
    pull: bool

    def receive(self, timeout: float) -> bytes | str | None:
        """The next message: bytes are a JPEG, text is JSON. None when nothing came within `timeout` seconds.

        Raises ChannelError when the connection has ended.
        """
        ...

    def send(self, text: str) -> None:
        """Send one text message. Raises ChannelError when the connection has ended."""
        ...

    def close(self) -> None:
        """End the connection. Idempotent."""
        ...

    def release(self) -> None:
        """Let go of what it holds: both threads have left."""
        ...
