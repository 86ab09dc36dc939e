from helping import FakePwm

from camproxy.servo import RAMP_MS, Servo


def settle(servo, speed=180, elapsed_ms=20, most=2000):
    for count in range(most):
        if not servo.moving:
            return count
        servo.tick(elapsed_ms, speed)
    raise AssertionError("it never arrives")


def test_it_makes_no_pulse_before_the_first_command():
    pwm = FakePwm()
    servo = Servo(pwm, 90_000)
    for _ in range(50):
        servo.tick(20, 180)
    assert set(pwm.pulses) == {0} and not servo.attached


def test_the_first_pulse_is_for_where_it_stands():
    pwm = FakePwm()
    servo = Servo(pwm, 45_000)
    servo.aim(90_000)
    assert pwm.pulses == [0, 1000]


def test_the_ends_are_500_and_2500_microseconds():
    pwm = FakePwm()
    servo = Servo(pwm, 0)
    servo.aim(180_000)
    settle(servo)
    assert pwm.pulses[1] == 500 and pwm.pulses[-1] == 2500 and pwm.hertz == 50
    servo.aim(999_000)
    assert not servo.moving
    servo.aim(-999_000)
    settle(servo)
    assert pwm.pulses[-1] == 500


def test_it_never_goes_faster_than_it_may():
    for speed in (10, 77, 180, 600):
        for elapsed_ms in (1, 7, 20, 60):
            pwm = FakePwm()
            servo = Servo(pwm, 0)
            servo.aim(180_000)
            settle(servo, speed, elapsed_ms, 30_000)
            most = speed * elapsed_ms * 2000 // 180 // 1000 + 2
            steps = [abs(b - a) for a, b in zip(pwm.pulses[1:], pwm.pulses[2:])]
            assert max(steps) <= most, (speed, elapsed_ms, max(steps), most)


def test_it_starts_and_ends_gently():
    pwm = FakePwm()
    servo = Servo(pwm, 0)
    servo.aim(180_000)
    settle(servo)
    steps = [b - a for a, b in zip(pwm.pulses[1:], pwm.pulses[2:])]
    fastest = max(steps)
    assert steps[0] <= fastest // 10 and steps[-2] <= fastest // 3
    assert all(step >= 0 for step in steps), "it goes back"
    assert sum(step == fastest for step in steps) > len(steps) // 4


def test_it_takes_about_as_long_as_speed_and_ramp_say():
    servo = Servo(FakePwm(), 0)
    servo.aim(180_000)
    took_ms = settle(servo, 180) * 20
    assert 1000 + RAMP_MS // 2 <= took_ms <= 1000 + 2 * RAMP_MS, took_ms


def test_a_new_target_on_the_way_turns_it_round_without_a_leap():
    pwm = FakePwm()
    servo = Servo(pwm, 0)
    servo.aim(180_000)
    for _ in range(30):
        servo.tick(20, 180)
    turned_at = len(pwm.pulses)
    servo.aim(0)
    settle(servo)
    steps = [b - a for a, b in zip(pwm.pulses[turned_at - 1 :], pwm.pulses[turned_at:])]
    assert pwm.pulses[-1] == 500 and steps[0] > 0, "it brakes first"
    assert max(abs(b - a) for a, b in zip(steps, steps[1:])) <= 5, "no jerk"


def test_every_distance_is_reached_exactly():
    for distance in (1, 20, 999, 1000, 3000, 10_000, 33_333, 179_999):
        for speed in (10, 180, 600):
            servo = Servo(FakePwm(), 0)
            servo.aim(distance)
            settle(servo, speed, 20, 5000)
            assert servo.position == distance


def test_detached_it_has_no_pulses_and_goes_on_from_where_it_was():
    pwm = FakePwm()
    servo = Servo(pwm, 0)
    servo.aim(90_000)
    settle(servo)
    servo.detach()
    assert pwm.pulses[-1] == 0 and not servo.attached
    servo.aim(100_000)
    assert pwm.pulses[-1] == 1500
