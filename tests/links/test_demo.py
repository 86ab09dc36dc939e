"""The demo camera: what it answers, how its head moves and what it shows."""

from __future__ import annotations

import io
import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from camproxy.errors import ChannelError
from camproxy.links.channel import Channel
from camproxy.links.demo import DemoChannel
from camproxy.links.scenes import SCENES, scene_named
from camproxy.links.scenes.engine import Scene, View
from camproxy.links.scenes.measures import HEIGHT, PANORAMA, PIXELS_PER_DEGREE, VIEW_ANGLE, WIDTH
from tests.integration.people import wait_until

PROJECT = Path(__file__).resolve().parent.parent.parent
# Above the tag with the time.
SCENERY = (0, 0, WIDTH, HEIGHT - 48)


class SetClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.ahead = 1_795_254_200.0

    def wall(self) -> float:
        return self.now + self.ahead

    def monotonic(self) -> float:
        return self.now


class Board:
    """A demo channel and its clock, with what a server would do with them."""

    def __init__(self, scene: str = "workshop") -> None:
        self.clock = SetClock()
        self.channel: Channel = DemoChannel(scene, clock=self.clock)
        self.hello, self.place = self.answers()

    def say(self, **message: Any) -> list[dict[str, Any]]:
        self.channel.send(json.dumps(message))
        return self.answers()

    def move(self, servo1: Any, servo2: Any, **more: Any) -> list[dict[str, Any]]:
        return self.say(type="servo", command={"servo1": servo1, "servo2": servo2}, **more)

    def answers(self) -> list[dict[str, Any]]:
        """All the text that is due now."""
        found = []
        while (message := self.channel.receive(0)) is not None:
            assert isinstance(message, str)
            found.append(json.loads(message))
        return found

    def later(self, seconds: float, step: float = 0.02) -> list[dict[str, Any]]:
        """What it says in the next `seconds`, asked every `step`."""
        found = []
        for _ in range(round(seconds / step)):
            self.clock.now += step
            found += self.answers()
        return found

    def jpeg(self) -> bytes:
        self.channel.send("getframe")
        frame = self.channel.receive(0)
        assert isinstance(frame, bytes)
        return frame

    def picture(self) -> Image.Image:
        return Image.open(io.BytesIO(self.jpeg())).convert("RGB").crop(SCENERY)


@pytest.fixture
def board() -> Board:
    return Board()


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of two pictures' grey values, 0…255."""
    return ImageStat.Stat(ImageChops.difference(one.convert("L"), other.convert("L"))).mean[0]


def brightness(picture: Image.Image) -> float:
    return ImageStat.Stat(picture.convert("L")).mean[0]


class TestAnswers:
    def test_introduces_itself_first(self, board: Board) -> None:
        assert board.hello["type"] == "connect"
        assert board.hello["device"] == "esp32cam"
        assert board.hello["timestamp"] == "2026-11-21T10:00:00Z"
        assert (board.hello["servo1_angle"], board.hello["servo2_angle"]) == (90, 90)
        assert board.place == {"type": "position", "servo1": 90, "servo2": 90}, "as it does whenever it moves"

    def test_acknowledges_a_move_at_once_with_its_id(self, board: Board) -> None:
        assert board.move(90, 45, id="a1") == [
            {"type": "ack", "id": "a1", "command": "servo", "status": "success", "detail": "X=90°, Y=45°"}
        ]

    def test_answers_without_an_id_when_it_got_none(self, board: Board) -> None:
        assert "id" not in board.move(90, 45)[0]

    def test_clamps_what_a_servo_cannot_reach(self, board: Board) -> None:
        assert board.move(-30, 1e300)[0]["detail"] == "X=0°, Y=180°"
        assert board.later(2)[-1] == {"type": "position", "servo1": 0, "servo2": 180}

    def test_says_where_it_is(self, board: Board) -> None:
        ack, position = board.say(type="get_position", id=7)
        assert (ack["id"], ack["command"], ack["status"]) == (7, "get_position", "success")
        assert position == {"type": "position", "servo1": 90, "servo2": 90}

    def test_answers_a_ping(self, board: Board) -> None:
        assert board.say(type="ping", id="p") == [{"type": "pong", "id": "p"}]

    def test_acknowledges_the_light(self, board: Board) -> None:
        (ack,) = board.say(type="light", state=True, id=3)
        assert (ack["id"], ack["command"], ack["status"]) == (3, "light", "success")

    def test_ignores_what_it_does_not_know(self, board: Board) -> None:
        assert board.say(type="make_coffee", id=1) == []

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "90", None, [90], {}])
    def test_refuses_an_angle_that_is_no_number(self, board: Board, value: Any) -> None:
        (ack,) = board.move(value, 90, id=5)
        assert (ack["type"], ack["id"], ack["command"], ack["status"]) == ("ack", 5, "servo", "error")
        assert "servo1" in ack["detail"]
        assert board.later(1) == [], "nothing may move"

    @pytest.mark.parametrize("command", [None, 90, "left", [90, 90], {}, {"servo1": 90}])
    def test_refuses_a_move_without_two_angles(self, board: Board, command: Any) -> None:
        (ack,) = board.say(type="servo", command=command, id=5)
        assert ack["status"] == "error"

    @pytest.mark.parametrize("state", [None, 1, 0, "on"])
    def test_refuses_a_light_that_is_neither_on_nor_off(self, board: Board, state: Any) -> None:
        (ack,) = board.say(type="light", state=state)
        assert (ack["command"], ack["status"]) == ("light", "error")

    @pytest.mark.parametrize("text", ["", "{", "getfram", '{"type": "servo",}', "[" * 200_000, "[]", "42", "null"])
    def test_refuses_what_is_no_json_object(self, board: Board, text: str) -> None:
        board.channel.send(text)
        (ack,) = board.answers()
        assert (ack["type"], ack["status"]) == ("ack", "error")
        board.jpeg()


class TestMovement:
    def test_moves_smoothly_and_reports_at_most_ten_times_a_second(self, board: Board) -> None:
        board.move(180, 90)
        reports = board.later(3, step=0.01)
        angles = [report["servo1"] for report in reports]
        assert angles == sorted(angles)
        assert angles[-1] == 180
        assert angles.count(180) == 1, "the end is said once"
        assert 90 < angles[0] < 180, "and something before it"
        assert len(reports) <= 6, "a quarter turn takes half a second"

    def test_takes_its_time(self, board: Board) -> None:
        board.move(0, 90)
        board.later(2)
        board.move(180, 90)
        assert board.later(0.9)[-1]["servo1"] < 180
        assert board.later(0.15)[-1]["servo1"] == 180

    def test_a_newer_move_starts_from_where_the_head_is(self, board: Board) -> None:
        board.move(180, 90)
        before = board.later(0.3)[-1]["servo1"]
        board.move(0, 90)
        reports = board.later(3)
        assert before - 20 < reports[0]["servo1"] < 180
        assert [report["servo1"] for report in reports].count(0) == 1
        assert all(report["servo1"] != 180 for report in reports)

    def test_a_stream_of_moves_does_not_silence_the_reports(self, board: Board) -> None:
        reports = []
        for angle in range(90, 170, 2):
            board.channel.send(json.dumps({"type": "servo", "command": {"servo1": angle, "servo2": 90}}))
            reports += [answer for answer in board.later(0.04) if answer["type"] == "position"]
        assert len(reports) >= 10

    def test_a_move_to_where_it_is_says_so_once(self, board: Board) -> None:
        board.move(40, 50)
        board.later(2)
        ack, position = board.move(40, 50)
        assert ack["status"] == "success"
        assert position == {"type": "position", "servo1": 40, "servo2": 50}
        assert board.later(2) == []

    def test_nothing_piles_up_while_nobody_listens(self, board: Board) -> None:
        board.move(180, 180)
        board.clock.now += 3600
        assert board.answers() == [{"type": "position", "servo1": 180, "servo2": 180}]


class TestPicture:
    @pytest.mark.parametrize("scene", SCENES)
    @pytest.mark.parametrize("light", [False, True])
    def test_is_a_small_jpeg_wherever_it_looks(self, scene: str, light: bool) -> None:
        for pan in range(0, 181, 30):
            for tilt in range(0, 181, 30):
                jpeg = scene_named(scene).frame(pan, tilt, light, 1_795_255_200.0 + pan)
                assert jpeg.startswith(b"\xff\xd8")
                assert jpeg.endswith(b"\xff\xd9")
                assert len(jpeg) < 60_000
                picture = Image.open(io.BytesIO(jpeg))
                assert picture.size == (WIDTH, HEIGHT)
                picture.load()

    @pytest.mark.parametrize("scene", SCENES)
    @pytest.mark.parametrize(("pan", "tilt", "dx", "dy"), [(102, 90, 12, 0), (78, 90, -12, 0), (90, 102, 0, 12)])
    def test_landmarks_shift_with_the_head(self, scene: str, pan: int, tilt: int, dx: int, dy: int) -> None:
        board = Board(scene)
        board.say(type="light", state=True)
        wait_until(lambda: board.picture() and scene_named(scene).painted(True), "it is painted by lamplight")
        before = board.picture()
        board.move(pan, tilt)
        board.later(1)
        board.clock.ahead -= 1  # what moves by itself is back where it was
        after = board.picture()
        assert difference(before, after) > 10
        # More pan shows more of the right, so things go left; more tilt shows more of the top, so things go down.
        shifted = ImageChops.offset(before, round(-dx * PIXELS_PER_DEGREE), round(dy * PIXELS_PER_DEGREE))
        common = (130, 130, WIDTH - 130, before.height - 130)
        assert difference(shifted.crop(common), after.crop(common)) < 3

    def test_sees_as_much_as_the_page_reckons_with(self) -> None:
        """Or a click on a thing would not bring it into the middle."""
        aim = (PROJECT / "static" / "js" / "aim.js").read_text()
        assert re.findall(r"VIEW_ANGLE = (\d+);", aim) == [str(VIEW_ANGLE)]

    def test_light_brightens(self, board: Board) -> None:
        dusk = brightness(board.picture())
        board.say(type="light", state=True)
        wait_until(lambda: brightness(board.picture()) > dusk * 1.8, "it is painted by lamplight")
        board.say(type="light", state=False)
        assert brightness(board.picture()) == pytest.approx(dusk)

    def test_painting_delays_no_command(self) -> None:
        begun, may_end = threading.Event(), threading.Event()

        def paint(light: bool) -> View:
            if light:
                begun.set()
                assert may_end.wait(10)
            return View(Image.new("RGB", PANORAMA, "white" if light else "black"))

        scene = Scene(paint)
        dark = scene.frame(90, 90, False, 1000.0)
        assert scene.frame(90, 90, True, 1000.0) is dark
        assert begun.wait(10)
        assert scene.frame(90, 90, True, 1000.0) is dark
        may_end.set()
        wait_until(lambda: scene.painted(True), "it is painted")
        assert scene.frame(90, 90, True, 1000.0) is not dark

    @pytest.mark.parametrize("scene", SCENES)
    @pytest.mark.parametrize(("pan", "tilt"), [(90, 90), (0, 0), (180, 180)])
    def test_something_moves_in_every_frame(self, scene: str, pan: int, tilt: int) -> None:
        frames = {scene_named(scene).frame(pan, tilt, False, 1_795_255_200 + tenth / 10) for tenth in range(20)}
        assert len(frames) == 20

    @pytest.mark.parametrize("name", ["", "workshop", " Garden ", "attic", "ünïcödé/☃", "x" * 10_000])
    def test_every_name_works_and_always_shows_the_same(self, name: str) -> None:
        assert Board(name).jpeg() == Board(name).jpeg()

    def test_known_names_show_what_they_say(self) -> None:
        assert scene_named("Garden") is SCENES["garden"]
        assert scene_named("") is SCENES["workshop"]

    def test_cameras_that_look_the_same_way_share_one_frame(self) -> None:
        one, other = Board(), Board()
        assert one.jpeg() is other.jpeg()
        other.clock.now += 0.1
        assert one.jpeg() is not other.jpeg()

    def test_asking_twice_brings_one_frame(self, board: Board) -> None:
        board.channel.send("getframe")
        board.jpeg()
        assert board.channel.receive(0) is None


class TestEnd:
    def test_close_wakes_who_is_waiting(self, board: Board) -> None:
        raised: list[ChannelError] = []

        def wait() -> None:
            try:
                board.channel.receive(60)
            except ChannelError as error:
                raised.append(error)

        receiver = threading.Thread(target=wait)
        receiver.start()
        board.channel.close()
        receiver.join(10)
        assert not receiver.is_alive()
        assert raised[0].reason == "closed"

    def test_a_closed_channel_takes_and_gives_nothing(self, board: Board) -> None:
        board.channel.close()
        board.channel.close()
        with pytest.raises(ChannelError, match="closed"):
            board.channel.send("getframe")
        with pytest.raises(ChannelError, match="closed"):
            board.channel.receive(0)

    def test_a_message_wakes_who_is_waiting(self, board: Board) -> None:
        received: list[bytes | str | None] = []
        receiver = threading.Thread(target=lambda: received.append(board.channel.receive(60)))
        receiver.start()
        board.channel.send("getframe")
        receiver.join(10)
        assert isinstance(received[0], bytes)
