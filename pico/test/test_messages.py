import json

from helping import FakePwm, Flash, raises

from camproxy import commands, device_config, protocol, store
from camproxy.commands import CONFIG_FILE, Commands, kept_config
from camproxy.head import POSE_FILE, Head
from camproxy.journal import Journal
from camproxy.keys import FILE as KEY_FILE
from camproxy.keys import Keys
from camproxy.light import Light
from camproxy.servo import Servo
from helping import FakePin


def make():
    head = Head([Servo(FakePwm(), 90_000), Servo(FakePwm(), 90_000)], device_config.default())
    made = Commands(head, Light(FakePin()), Keys(), Journal(lambda *words: None))
    made.may_take_key = True
    return made, head


def files():
    return Flash(CONFIG_FILE, POSE_FILE, KEY_FILE)


def wire():
    import os

    return {name[5:-5]: json.load(open(name)) for name in os.listdir("/") if name.startswith("wire_")}


def test_every_example_of_the_wire_is_answered_as_it_says():
    examples = wire()
    assert len(examples) >= 10
    for name, example in examples.items():
        for_us = "pico" in example["devices"]
        for good in example["good"]:
            with files():
                board, head = make()
                answer = board.answer(protocol.read(json.dumps(good["message"]).encode()))
                if name == "config_esp32cam":
                    assert answer["status"] == "success" and head.config == device_config.default()  # nothing of ours
                elif not for_us:
                    assert answer is None or answer["status"] == "error", name
                elif good["answer"] is None:
                    assert answer is None, name
                else:
                    for field, value in good["answer"].items():
                        assert answer[field] == value, (name, field, answer)
                    assert ("id" in answer) == ("id" in good["message"])
        for bad in example["bad"] if for_us else ():
            with files():
                board, head = make()
                answer = board.answer(protocol.read(json.dumps(bad).encode()))
                assert answer["type"] == "ack" and answer["status"] == "error" and answer["detail"], (name, bad)
                assert answer["id"] == bad["id"]
                assert not head.moving and head.config == device_config.default() and board.afterwards is None


def test_angles_are_clamped_and_the_answer_says_where_it_goes():
    with files():
        board, head = make()
        answer = board.answer({"type": "servo", "id": 1, "command": {"servo1": -20, "servo2": 500}})
        assert answer["detail"] == "X=0°, Y=180°" and head.moving


def test_numbers_that_are_none_move_nothing():
    for text in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999"):
        with files():
            board, head = make()
            raw = ('{"type": "servo", "id": 1, "command": {"servo1": %s, "servo2": 90}}' % text).encode()
            try:
                answer = board.answer(protocol.read(raw))
                assert answer["status"] == "error"
            except protocol.Malformed:
                pass
            assert not head.moving, text


def test_a_fraction_is_rounded():
    with files():
        board, _ = make()
        message = {"type": "servo", "command": {"servo1": 45.6, "servo2": -0.4}}
        assert board.answer(message)["detail"] == "X=46°, Y=0°"


def test_what_is_no_message_is_malformed():
    for raw in (b"", b"{", b"[]", b"5", b"null", b'"servo"', b"{}", b'{"type": 5}', b"\xff\xfe", b"[" * 1000,
                b'{"type": "servo", "command":'):
        error = raises(protocol.Malformed, protocol.read, raw)
        assert error.why
    assert raises(protocol.Malformed, protocol.read, b'{"id": 7}').id == 7


def test_an_id_that_is_none_is_left_out():
    for id in ([1], {}, True, None, 1.5, "x" * 65):
        assert protocol.id_of({"id": id}) is None
    assert protocol.id_of({"id": 0}) == 0 and protocol.id_of({"id": "a"}) == "a"


def test_unknown_types_are_ignored_and_counted():
    with files():
        board, _ = make()
        for kind in ("servo_command_log", "dance", "ack"):
            assert board.answer({"type": kind, "id": 1}) is None
        assert board.ignored == 3


def test_the_light_goes_on_and_off():
    pin = FakePin()
    light = Light(pin)
    board = Commands(None, light, None, None)
    assert board.answer({"type": "light", "state": True})["detail"] == "on"
    assert light.on
    assert board.answer({"type": "light", "state": False})["detail"] == "off"
    assert pin.states == [0, 1, 0]


def test_a_configuration_is_kept_and_written_only_when_it_is_new():
    with files():
        board, head = make()
        saved = []
        save, store.save = store.save, lambda name, value: saved.append(name) or save(name, value)
        try:
            for _ in range(3):
                board.answer({"type": "config", "config": {"speed": 90, "of_the_future": 1}})
        finally:
            store.save = save
        assert saved == [CONFIG_FILE]
        assert head.config["speed"] == 90 and kept_config() == head.config


def test_a_flash_that_is_full_is_told():
    def full(name, value):
        raise OSError(28)

    with files():
        board, head = make()
        save, store.save = store.save, full
        try:
            answer = board.answer({"type": "config", "id": 5, "config": {"speed": 90}})
        finally:
            store.save = save
        assert answer["status"] == "error" and "flash" in answer["detail"] and head.config["speed"] == 180


def test_a_kept_configuration_that_cannot_be_is_the_default():
    with files():
        for nonsense in ({"speed": 5000}, [], "fast", {"servo1_min": 100, "servo1_max": 50}):
            store.save(CONFIG_FILE, nonsense)
            assert kept_config() == device_config.default(), nonsense
        open(CONFIG_FILE, "w").write('{"speed": 9')
        assert kept_config() == device_config.default()


def test_a_welcome_brings_a_configuration_and_a_bad_one_is_logged():
    with files():
        said = []
        board, head = make()
        board._journal = Journal(lambda *words: said.append(words))
        assert board.answer({"type": "welcome", "config": {"speed": 90}}) is None
        assert head.config["speed"] == 90 and not said
        board.answer({"type": "welcome", "config": {"speed": 1}})
        assert head.config["speed"] == 90 and "speed" in said[0][1]


def test_a_key_is_taken_only_where_nobody_can_read_it():
    key = "a" * 43
    with files():
        board, _ = make()
        board.may_take_key = False
        answer = board.answer({"type": "key", "id": 1, "api_key": key})
        assert answer["status"] == "error" and board.afterwards is None and Keys().current is None
        board.may_take_key = True
        assert board.answer({"type": "key", "id": 1, "api_key": key})["status"] == "success"
        assert board.afterwards == "reconnect" and Keys().current == key


def test_sleep_and_capture_are_declined_with_a_reason():
    board, _ = make()
    for kind in ("sleep", "capture"):
        answer = board.answer({"type": kind, "id": 1})
        assert answer["status"] == "error" and answer["detail"]


def test_what_the_board_says():
    assert protocol.heartbeat(rssi=None, uptime_ms=5) == {"type": "heartbeat", "uptime_ms": 5}
    assert protocol.position((1, 2)) == {"type": "position", "servo1": 1, "servo2": 2}
    said = protocol.connect((90, 45), "power_on", "2026-11-21T10:00:00Z")
    assert (said["device"], said["servo1_angle"], said["servo2_angle"]) == ("pico", 90, 45)
    assert protocol.log("info", "x") == {"type": "log", "level": "info", "message": "x"}
    asked = protocol.registration("12345678", "28:CD:C1:00:00:01", None, "n")
    assert asked["kind"] == "pico" and "name" not in asked
    assert protocol.registration("1", "m", "Head", "n")["name"] == "Head"
