"""What is motion, and what is only light, noise or another direction."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from camproxy.motion.background import EVERYWHERE, Background, Look, Sensitivity, Zone, mask

SIZE = (800, 600)
RANDOM = np.random.default_rng(2026)
#: A room: large and small things, some of them bright.
ROOM = Image.fromarray(RANDOM.normal(110, 45, (30, 40)).clip(0, 255).astype(np.uint8)).resize(
    SIZE, Image.Resampling.BICUBIC
)


def picture(
    person: tuple[int, int] | None = None,
    *,
    size: int = 80,
    shade: int = 250,
    light: int = 0,
    gain: float = 1,
    noise: float = 4,
    shift: int = 0,
    quality: int = 70,
) -> bytes:
    """A JPEG of the room, perhaps with a bright somebody in it, in other light, or seen from further right."""
    room = ROOM.copy()
    if person:
        x, y = person
        ImageDraw.Draw(room).rectangle((x, y, x + size, y + size), fill=shade)
    seen = np.roll(np.asarray(room, dtype=np.float32), -shift, axis=1) * gain + light
    seen += RANDOM.normal(0, noise, seen.shape)
    out = BytesIO()
    Image.fromarray(seen.clip(0, 255).astype(np.uint8)).convert("RGB").save(out, "JPEG", quality=quality)
    return out.getvalue()


def known(sensitivity: Sensitivity | None = None) -> Background:
    """A background that has been looked at for a while."""
    background = Background(sensitivity or Sensitivity())
    for _ in range(5):
        assert not background.look(picture()).moves
    return background


def test_somebody_in_the_room_moves() -> None:
    look = known().look(picture((400, 150)))
    assert look.moves
    assert not look.everywhere
    assert look.share == pytest.approx(80 * 80 / (800 * 600), rel=0.3)
    assert look.box is not None
    left, top, right, bottom = look.box
    assert (left, top) == pytest.approx((0.5, 0.25), abs=0.03)
    assert (right, bottom) == pytest.approx((0.6, 0.383), abs=0.03)


def test_noise_is_no_motion() -> None:
    background = known()
    assert not any(background.look(picture(noise=8)).moves for _ in range(20))


#: What changes a whole picture and is no motion, one look after another.
HARMLESS: dict[str, list[dict[str, Any]]] = {
    "a sensor at night": [{"noise": 25}] * 20,
    "an encoder that saves": [{"quality": 10 + 60 * (n // 3 % 2), "noise": 8} for n in range(18)],
    "dawn": [{"gain": 0.7 + 0.01 * n} for n in range(50)],
    "an exposure that adapts": [{"gain": 1 + 0.06 * min(n, 5)} for n in range(12)],
    "and one that jumps": [{"gain": 0.7}] * 10,
    "a pole in the wind": [{"shift": n % 2} for n in range(12)],
}


@pytest.mark.parametrize("level", [50, 80])
@pytest.mark.parametrize("what", HARMLESS)
def test_what_only_looks_like_it_is_no_motion(what: str, level: int) -> None:
    background = known(Sensitivity(level))
    assert not any(background.look(picture(**how)).moves for how in HARMLESS[what])


@pytest.mark.parametrize(("level", "size", "shade"), [(50, 64, 250), (50, 80, 150), (80, 32, 250), (100, 24, 250)])
def test_how_small_or_faint_somebody_may_be(level: int, size: int, shade: int) -> None:
    """In points of 800 by 600; on their way through the picture most looks see them."""
    background = known(Sensitivity(level))
    walk = [background.look(picture((100 + 20 * n, 200), size=size, shade=shade)).moves for n in range(12)]
    assert sum(walk) >= 9


@pytest.mark.parametrize("light", [15, -15])
def test_a_cloud_is_no_motion(light: int) -> None:
    background = known()
    assert not any(background.look(picture(light=round(light * n / 10))).moves for n in range(11))


@pytest.mark.parametrize("light", [90, -90])
def test_a_switched_light_is_told_apart_and_learnt_at_once(light: int) -> None:
    background = known()
    look = background.look(picture(light=light))
    assert look.everywhere
    assert not look.moves
    assert background.look(picture(light=light)) == Look(pytest.approx(0, abs=0.002))
    assert background.look(picture((400, 150), light=light)).moves


def test_another_direction_is_no_motion() -> None:
    background = known()
    look = background.look(picture(shift=300))
    assert look.everywhere or look.share > EVERYWHERE / 2
    background.forget()
    assert background.look(picture(shift=150)) == Look(0.0)


def test_what_stays_becomes_background() -> None:
    background = known()
    assert background.look(picture((400, 150))).moves
    looks = [background.look(picture((400, 150))).moves for _ in range(100)]
    assert looks[0]
    assert not looks[-1]


def test_sensitivity() -> None:
    small = {level: known(Sensitivity(level)).look(picture((400, 150), size=30)).moves for level in (1, 50, 100)}
    assert small == {1: False, 50: False, 100: True}
    large = {level: known(Sensitivity(level)).look(picture((400, 150), size=160)).moves for level in (1, 50, 100)}
    assert large == {1: True, 50: True, 100: True}
    shares = [Sensitivity(level).share for level in range(1, 101)]
    assert shares == sorted(shares, reverse=True)
    assert (shares[0], shares[-1]) == pytest.approx((0.03, 0.001))


def half(exclude: bool = False) -> Zone:
    """The left one."""
    return Zone(((0, 0), (0.5, 0), (0.5, 1), (0, 1)), exclude)


def test_only_what_is_in_a_zone_counts() -> None:
    left_half = Sensitivity(zones=(half(),))
    assert not known(left_half).look(picture((600, 300))).moves
    look = known(left_half).look(picture((200, 300)))
    assert look.moves
    assert look.share == pytest.approx(80 * 80 / (400 * 600), rel=0.3), "of what is watched"


def test_what_is_in_an_excluded_zone_does_not_count() -> None:
    right_half = Sensitivity(zones=(half(exclude=True),))
    assert not known(right_half).look(picture((200, 300))).moves
    assert known(right_half).look(picture((600, 300))).moves


def test_zones_together() -> None:
    corner = Zone(((0, 0), (0.25, 0), (0.25, 0.5), (0, 0.5)), exclude=True)
    for zones in ((half(), corner), (corner, half())):
        watched = mask(zones, (75, 100))
        assert watched[60, 10]
        assert not watched[10, 10], "what one excludes no other includes"
        assert not watched[60, 90]
    assert mask((), (75, 100)).all()


def test_where_everything_is_excluded_nothing_moves() -> None:
    everything = Sensitivity(100, (Zone(((0, 0), (1, 0), (1, 1), (0, 1)), exclude=True),))
    assert not known(everything).look(picture((400, 150))).moves


def test_a_zone_as_thin_as_a_thread_needs_more_than_a_point() -> None:
    thread = Sensitivity(100, (Zone(((0.5, 0.25), (0.5, 0.26), (0.501, 0.26))),))
    assert not known(thread).look(picture((400, 150))).moves


def test_another_size_begins_anew() -> None:
    background = known()
    smaller = BytesIO()
    ROOM.resize((400, 300)).save(smaller, "JPEG")
    assert background.look(smaller.getvalue()) == Look(0.0)


@pytest.mark.parametrize("jpeg", [b"", b"\xff\xd8\xff", b"GIF89a", picture()[:300]])
def test_what_cannot_be_decoded_is_refused(jpeg: bytes) -> None:
    with pytest.raises((OSError, ValueError)):
        Background(Sensitivity()).look(jpeg)
