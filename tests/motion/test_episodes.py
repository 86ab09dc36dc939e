"""When motion begins, and when it is over."""

from __future__ import annotations

from camproxy.motion.background import Look
from camproxy.motion.episode import LONGEST, STILL, Episode, Episodes

STILLNESS, MOTION = Look(0.0), Look(0.02, moves=True, box=(0.1, 0.1, 0.2, 0.2))


def test_one_picture_is_none() -> None:
    episodes = Episodes()
    for at, look in enumerate((MOTION, STILLNESS, MOTION, STILLNESS)):
        assert episodes.take(look, float(at), at) is None
    assert episodes.present is None


def test_from_the_first_sign_to_the_last_and_a_while() -> None:
    episodes = Episodes()
    assert episodes.take(MOTION, 10.0, 1) is None
    begun = episodes.take(MOTION, 10.2, 2)
    assert begun == Episode(10.0, None, 0.02, MOTION.box, 2)
    most = Look(0.5, moves=True, box=(0, 0, 0.9, 0.9))
    assert episodes.take(most, 10.4, 3) is None
    assert episodes.take(MOTION, 10.6, 4) is None
    assert episodes.take(STILLNESS, 10.6 + STILL - 0.1, 5) is None
    assert episodes.take(STILLNESS, 10.6 + STILL, 6) == Episode(10.0, 10.6 + STILL, 0.5, most.box, 3)
    assert episodes.take(STILLNESS, 20.0, 7) is None


def test_a_pause_shorter_than_a_while_is_part_of_it() -> None:
    episodes = Episodes()
    episodes.take(MOTION, 0.0, 1)
    assert episodes.take(MOTION, 0.2, 2)
    assert episodes.take(STILLNESS, 2.0, 3) is None
    assert episodes.take(MOTION, 2.5, 4) is None
    assert episodes.take(STILLNESS, 5.0, 5) is None
    ended = episodes.take(STILLNESS, 6.0, 6)
    assert ended
    assert ended.ended_at == 2.5 + STILL


def test_it_may_be_ended_from_outside() -> None:
    episodes = Episodes()
    assert episodes.end(1.0) is None
    episodes.take(MOTION, 0.0, 1)
    episodes.take(MOTION, 0.2, 2)
    ended = episodes.end(0.5)
    assert ended
    assert (ended.begun_at, ended.ended_at) == (0.0, 0.5)
    assert episodes.present is None


def test_what_does_not_end_is_told_in_pieces() -> None:
    episodes = Episodes()
    news = [found for n in range(round(2.5 * LONGEST)) if (found := episodes.take(MOTION, float(n), n))]
    assert [(one.begun_at, one.ended_at) for one in news] == [
        (0.0, None),
        (0.0, LONGEST),
        (LONGEST + 1, None),
        (LONGEST + 1, 2 * LONGEST + 1),
        (2 * LONGEST + 2, None),
    ]
