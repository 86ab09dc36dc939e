"""Stand-ins for hardware, each a process of its own."""

from tests.fakes.client import FakeEsp32Cam, frame_number

__all__ = ["FakeEsp32Cam", "frame_number"]
