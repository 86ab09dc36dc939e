from __future__ import annotations

import pytest

from camproxy.control.lease import Driver, Lease
from camproxy.control.pan_tilt import Limits, PanTilt, Pose
from camproxy.control.throttle import Throttle
from camproxy.errors import ControlHeld
from tests.clocks import FakeClock

ANNA, BEN = Driver(1, "anna"), Driver(2, "ben")


class TestPanTilt:
    def test_limits_clamp(self) -> None:
        head = PanTilt(Limits(x=(20, 160), y=(45, 120)))
        assert head.aim(0, 180) == Pose(20, 120)
        assert head.aim(90, 90) == Pose(90, 90)

    @pytest.mark.parametrize("limits", [(90, 90), (100, 20), (-1, 90), (0, 181)])
    def test_limits_that_cannot_be(self, limits: tuple[int, int]) -> None:
        with pytest.raises(ValueError, match="limits"):
            Limits(x=limits)

    def test_steps_count_from_where_the_head_is_going(self) -> None:
        head = PanTilt(Limits())
        head.measured(90, 90)
        assert head.step("right", 10) == Pose(100, 90)
        head.asked = Pose(120, 90)
        assert head.step("right", 10) == Pose(130, 90)
        assert head.step("up", 5) == Pose(120, 95)
        assert head.step("left", 90) == Pose(30, 90)
        assert head.step("down", 90) == Pose(120, 0)

    def test_center_is_the_centre_of_the_limits(self) -> None:
        assert PanTilt(Limits(x=(0, 100), y=(100, 180))).step("center", 10) == Pose(50, 140)

    def test_only_what_is_new_is_news(self) -> None:
        head = PanTilt(Limits())
        assert head.measured(10.4, 20)
        assert not head.measured(10, 20)
        assert head.measured(400, -400)
        assert head.pose == Pose(180, 0)


class TestLease:
    def test_one_driver_at_a_time(self) -> None:
        lease = Lease(30, FakeClock())
        assert lease.take(ANNA)
        assert not lease.take(ANNA), "she has it already"
        with pytest.raises(ControlHeld, match="anna is steering"):
            lease.take(BEN)
        assert lease.state().holder == ANNA
        assert lease.state().asked_by == "ben"

    def test_it_falls_back_when_nothing_is_steered(self) -> None:
        clock = FakeClock()
        lease = Lease(30, clock)
        lease.take(ANNA)
        clock.advance(29)
        lease.take(ANNA)
        clock.advance(29)
        assert lease.state().expires_in == pytest.approx(1)
        clock.advance(2)
        assert lease.state().holder is None
        assert lease.take(BEN)

    def test_an_admin_takes_it_from_anybody(self) -> None:
        lease = Lease(30, FakeClock())
        lease.take(ANNA)
        assert lease.take(BEN, by_force=True)
        assert lease.state().holder == BEN

    def test_only_the_holder_gives_it_back(self) -> None:
        lease = Lease(30, FakeClock())
        lease.take(ANNA)
        assert not lease.release(BEN.id)
        assert lease.release(ANNA.id)
        assert lease.state().holder is None


class TestThrottle:
    def test_a_second_s_worth_at_once_then_the_rate(self) -> None:
        clock = FakeClock()
        throttle = Throttle(10, clock)
        at_once = sum(throttle.not_before(1) <= clock.monotonic() for _ in range(100))
        assert at_once == pytest.approx(10, abs=1)
        put_off = throttle.not_before(1)
        assert 0 < put_off - clock.monotonic() <= 0.1 + 1e-6

    def test_users_do_not_share(self) -> None:
        clock = FakeClock()
        throttle = Throttle(1, clock)
        for _ in range(10):
            throttle.not_before(1)
        assert throttle.not_before(2) == clock.monotonic()

    def test_over_time_the_rate_holds(self) -> None:
        clock = FakeClock()
        throttle = Throttle(10, clock)
        allowed = 0
        for _ in range(1000):
            clock.advance(0.01)
            allowed += throttle.not_before(1) <= clock.monotonic()
        assert allowed == pytest.approx(110, abs=5)
