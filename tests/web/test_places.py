from __future__ import annotations

import pytest

from camproxy.errors import RateLimited
from camproxy.web.viewers.places import Places


def test_there_is_a_most_in_all() -> None:
    places = Places(most=2, most_each=10)
    give_back = places.take(1, "192.0.2.1")
    places.take(2, "192.0.2.2")
    with pytest.raises(RateLimited, match="this server allows"):
        places.take(3, "192.0.2.3")
    give_back()
    places.take(3, "192.0.2.3")


def test_and_for_each_user_and_each_address() -> None:
    places = Places(most=10, most_each=2)
    places.take(1, "192.0.2.1")
    places.take(1, "192.0.2.2")
    with pytest.raises(RateLimited, match="You are watching"):
        places.take(1, "192.0.2.3")
    places.take(2, "192.0.2.1")
    with pytest.raises(RateLimited, match="You are watching"):
        places.take(3, "192.0.2.1")
    places.take(3, "192.0.2.3")


def test_a_place_is_given_back_once() -> None:
    places = Places(most=2, most_each=2)
    first = places.take(1, "192.0.2.1")
    places.take(1, "192.0.2.1")
    first()
    first()
    places.take(1, "192.0.2.1")
    with pytest.raises(RateLimited):
        places.take(1, "192.0.2.1")
