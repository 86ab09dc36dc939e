"""Matroska: the least of it (RFC 9559) that carries JPEGs with their times through a pipe. Pure.

ffmpeg takes no times with bare JPEGs; it would play what came irregularly at an even pace. Written live, without sizes
that are known only at the end, each frame in a cluster of its own, so that none waits for the next.
"""

from __future__ import annotations

from camproxy import __version__

# Element IDs, with the marker bits that are part of them (RFC 9559, section 5.1).
EBML = b"\x1a\x45\xdf\xa3"
SEGMENT = b"\x18\x53\x80\x67"
INFO = b"\x15\x49\xa9\x66"
TRACKS = b"\x16\x54\xae\x6b"
CLUSTER = b"\x1f\x43\xb6\x75"

#: The size of what ends when the stream does.
UNKNOWN_SIZE = b"\x01\xff\xff\xff\xff\xff\xff\xff"
#: Times are in milliseconds.
NANOSECONDS = 1_000_000
VIDEO_TRACK = 1
KEYFRAME = 0x80


def element(name: bytes, payload: bytes) -> bytes:
    return name + size(len(payload)) + payload


def size(length: int) -> bytes:
    """A length as a variable-size integer of eight bytes; shorter ones would be allowed, and save nothing here."""
    return (0x01 << 56 | length).to_bytes(8)


def unsigned(name: bytes, value: int) -> bytes:
    return element(name, value.to_bytes(max((value.bit_length() + 7) // 8, 1)))


def text(name: bytes, value: str) -> bytes:
    return element(name, value.encode())


def head(width: int, height: int, frame_ms: int, codec: str = "V_MJPEG", private: bytes = b"") -> bytes:
    """What comes before the first frame. `frame_ms` is how long a frame lasts when no other follows.

    `private` is what its decoder has to know: for V_MPEG4/ISO/AVC what the avcC box of an MP4 file holds.
    """
    application = f"camproxy {__version__}"
    ebml = (
        unsigned(b"\x42\x86", 1)  # EBMLVersion
        + unsigned(b"\x42\xf7", 1)  # EBMLReadVersion
        + unsigned(b"\x42\xf2", 4)  # EBMLMaxIDLength
        + unsigned(b"\x42\xf3", 8)  # EBMLMaxSizeLength
        + text(b"\x42\x82", "matroska")  # DocType
        + unsigned(b"\x42\x87", 4)  # DocTypeVersion
        + unsigned(b"\x42\x85", 2)  # DocTypeReadVersion
    )
    info = (
        unsigned(b"\x2a\xd7\xb1", NANOSECONDS)  # TimestampScale
        + text(b"\x4d\x80", application)  # MuxingApp
        + text(b"\x57\x41", application)  # WritingApp
    )
    picture = unsigned(b"\xb0", width) + unsigned(b"\xba", height)  # PixelWidth, PixelHeight
    track = (
        unsigned(b"\xd7", VIDEO_TRACK)  # TrackNumber
        + unsigned(b"\x73\xc5", VIDEO_TRACK)  # TrackUID
        + unsigned(b"\x83", 1)  # TrackType: video
        + unsigned(b"\x9c", 0)  # FlagLacing
        + unsigned(b"\x23\xe3\x83", frame_ms * NANOSECONDS)  # DefaultDuration
        + text(b"\x86", codec)  # CodecID
        + (element(b"\x63\xa2", private) if private else b"")  # CodecPrivate
        + element(b"\xe0", picture)  # Video
    )
    tracks = element(TRACKS, element(b"\xae", track))  # TrackEntry
    return element(EBML, ebml) + SEGMENT + UNKNOWN_SIZE + element(INFO, info) + tracks


def before_frame(length: int, at_ms: int) -> bytes:
    """What comes right before a frame of that length, shown `at_ms` after the beginning: its cluster's head.

    Apart from the frame, so that its bytes need not be copied.
    """
    block = bytes([0x80 | VIDEO_TRACK, 0, 0, KEYFRAME])  # its time, relative to the cluster's, is 0
    timestamp = unsigned(b"\xe7", at_ms)
    opening = b"\xa3" + size(len(block) + length) + block  # SimpleBlock
    return CLUSTER + size(len(timestamp) + len(opening) + length) + timestamp + opening


def before_lasting_frame(length: int, at_ms: int, lasts_ms: int, keyframe: bool) -> bytes:
    """The same for a frame that says how long it lasts, and that may need the one before it."""
    block = bytes([0x80 | VIDEO_TRACK, 0, 0, 0])
    timestamp = unsigned(b"\xe7", at_ms)
    about = unsigned(b"\x9b", lasts_ms)  # BlockDuration
    if not keyframe:
        about += element(b"\xfb", b"\xff")  # ReferenceBlock: the millisecond before, which nobody looks at
    opening = about + b"\xa1" + size(len(block) + length) + block  # Block
    group = b"\xa0" + size(len(opening) + length) + opening  # BlockGroup
    return CLUSTER + size(len(timestamp) + len(group) + length) + timestamp + group
