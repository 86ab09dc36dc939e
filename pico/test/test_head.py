from helping import FakePwm, Flash

from camproxy import device_config, store
from camproxy.head import KEEP_AFTER_MS, POSE_FILE, Head, kept_positions
from camproxy.servo import Servo


def make(**config):
    pwms = [FakePwm(), FakePwm()]
    servos = [Servo(pwm, position) for pwm, position in zip(pwms, kept_positions())]
    return Head(servos, device_config.changed(device_config.default(), config)), pwms


def settle(head):
    for _ in range(2000):
        if not head.moving:
            return
        head.tick(20)
    raise AssertionError("it never arrives")


def rest(head, milliseconds):
    for _ in range(milliseconds // 20 + 1):
        head.tick(20)


def test_a_head_that_was_never_moved_is_believed_to_look_ahead():
    with Flash(POSE_FILE):
        head, pwms = make()
        assert head.pose() == (90, 90)
        rest(head, 1000)
        assert [set(pwm.pulses) for pwm in pwms] == [{0}, {0}]


def test_it_goes_where_it_is_asked_within_its_limits():
    with Flash(POSE_FILE):
        head, _ = make(servo1_min=20, servo1_max=160, servo2_min=30)
        assert head.aim((0, 10)) == (20, 30)
        settle(head)
        assert head.pose() == (20, 30)
        assert head.aim((180, 180)) == (160, 180)


def test_an_axis_that_is_not_named_stays():
    with Flash(POSE_FILE):
        head, pwms = make()
        assert head.aim((None, 45)) == (90, 45)
        settle(head)
        assert head.pose() == (90, 45) and set(pwms[0].pulses) == {0}


def test_a_trim_turns_the_servo_and_not_the_angle():
    with Flash(POSE_FILE):
        head, pwms = make(servo1_trim=9)
        assert head.aim((90, 90)) == (90, 90)
        settle(head)
        assert head.pose() == (90, 90)
        assert pwms[0].pulses[-1] == 500 + 99 * 2000 // 180


def test_a_configuration_moves_nothing():
    with Flash(POSE_FILE):
        head, pwms = make()
        head.aim((170, 90))
        settle(head)
        before = [list(pwm.pulses) for pwm in pwms]
        head.config = device_config.changed(head.config, {"servo1_max": 100, "servo1_trim": 20})
        rest(head, 500)
        assert [pwm.pulses for pwm in pwms] == before
        assert head.aim((170, 90)) == (100, 90)


def test_it_lets_go_after_a_rest_and_never_with_zero():
    with Flash(POSE_FILE):
        head, pwms = make(detach_seconds=2)
        head.aim((100, 100))
        settle(head)
        rest(head, 1900)
        assert pwms[0].pulses[-1] > 0
        rest(head, 200)
        assert [pwm.pulses[-1] for pwm in pwms] == [0, 0]
        head, pwms = make(detach_seconds=0)
        head.aim((100, 100))
        settle(head)
        rest(head, 60_000)
        assert pwms[0].pulses[-1] > 0


def test_after_a_power_cut_it_begins_where_it_rested():
    with Flash(POSE_FILE):
        head, _ = make()
        head.aim((120, 60))
        settle(head)
        rest(head, KEEP_AFTER_MS)
        assert store.load(POSE_FILE) == [120_000, 60_000]
        again, pwms = make()
        assert again.pose() == (120, 60)
        again.aim((121, 60))
        assert pwms[0].pulses[1] == 500 + 120 * 2000 // 180, "the first pulse is where it stood"


def test_flash_is_written_once_for_a_rest_and_only_for_a_new_pose():
    with Flash(POSE_FILE):
        head, _ = make()
        saved = []
        save, store.save = store.save, lambda name, value: saved.append(value)
        try:
            rest(head, 10_000)
            assert saved == []
            head.aim((100, 90))
            settle(head)
            rest(head, 20_000)
            head.aim((110, 90))
            settle(head)
            head.aim((100, 90))
            settle(head)
            rest(head, 20_000)
            assert len(saved) == 1
        finally:
            store.save = save


def test_a_full_flash_does_not_stop_it():
    def full(name, value):
        raise OSError(28)

    with Flash(POSE_FILE):
        head, _ = make()
        save, store.save = store.save, full
        try:
            head.aim((100, 90))
            settle(head)
            rest(head, 5000)
            assert head.pose() == (100, 90)
        finally:
            store.save = save


def test_nonsense_in_the_pose_file_is_the_middle():
    with Flash(POSE_FILE):
        for nonsense in ([1], [-1, 5], [1, 200_000], "there", None, [True, 3], [90.5, 1]):
            store.save(POSE_FILE, nonsense)
            assert kept_positions() == [90_000, 90_000], nonsense


def test_a_loop_that_was_held_up_makes_no_leap():
    with Flash(POSE_FILE):
        head, pwms = make()
        head.aim((180, 90))
        for _ in range(20):
            head.tick(20)
        before = pwms[0].pulses[-1]
        head.tick(5000)
        assert pwms[0].pulses[-1] - before <= 60 * 180 * 2000 // 180 // 1000 + 1


async def test_it_runs_and_says_so():
    import asyncio

    with Flash(POSE_FILE):
        head, _ = make(speed=600)
        said = asyncio.Event()
        head.aim((92, 90))
        task = asyncio.create_task(head.run(lambda: None if head.moving else said.set()))
        await said.wait()
        task.cancel()
        assert head.pose() == (92, 90)
