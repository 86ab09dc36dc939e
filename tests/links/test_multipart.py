from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camproxy.links.multipart import LONGEST_HEADER, MultipartReader
from tests.pictures import jpeg

PICTURES = [jpeg(grey=grey) for grey in (0, 100, 200)]


def with_length(boundary: str = "frame") -> bytes:
    return b"".join(
        f"\r\n--{boundary}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data
        for data in PICTURES
    )


def without_length(boundary: str = "frame") -> bytes:
    parts = [f"--{boundary}\r\nContent-Type: image/jpeg\r\n\r\n".encode() + data + b"\r\n" for data in PICTURES]
    return b"".join(parts) + f"--{boundary}--".encode()


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.booleans())
def test_it_does_not_matter_how_the_bytes_are_cut(cuts: list[int], length: bool) -> None:
    stream = with_length() if length else without_length()
    reader = MultipartReader("frame", 100_000)
    bodies, at, turn = [], 0, 0
    while at < len(stream):
        step = cuts[turn % len(cuts)]
        bodies += reader.feed(stream[at : at + step])
        at, turn = at + step, turn + 1
    assert bodies == PICTURES


@pytest.mark.parametrize("announced", ["frame", "--frame"])
def test_the_announced_boundary_may_have_the_dashes_already(announced: str) -> None:
    assert MultipartReader(announced, 100_000).feed(with_length()) == PICTURES


def test_a_part_that_is_too_large_is_refused_before_it_is_read() -> None:
    reader = MultipartReader("frame", 1000)
    with pytest.raises(ValueError, match="2000000 bytes"):
        reader.feed(b"--frame\r\nContent-Length: 2000000\r\n\r\n")


def test_a_part_without_end_is_refused() -> None:
    reader = MultipartReader("frame", 1000)
    reader.feed(b"--frame\r\n\r\n" + bytes(1000))
    with pytest.raises(ValueError, match="more than 1000"):
        reader.feed(bytes(LONGEST_HEADER + 1))


def test_a_header_without_end_is_refused() -> None:
    reader = MultipartReader("frame", 1000)
    with pytest.raises(ValueError, match="no part header"):
        reader.feed(b"x" * 10_000)
