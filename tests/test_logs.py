from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from camproxy.logs import FORMAT, Redacting, start_logging
from camproxy.settings import load

Start = Callable[..., Path]

log = logging.getLogger("tests.strangers")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts logging with settings of its own; the log file. Afterwards the log is as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def start(**settings: str) -> Path:
        settings = {"DATA_DIR": str(tmp_path), "ADMIN_PASSWORD": "correct horse battery"} | settings
        loaded = load(settings)
        start_logging(loaded)
        return loaded.log_path

    yield start
    for handler in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


def line_of(message: str, *args: object, secrets: tuple[str, ...] = ()) -> str:
    """What `log.info(message, *args)` would write, without the time before it."""
    record = log.makeRecord(log.name, logging.INFO, __file__, 1, message, args, None)
    return Redacting(secrets).format(record).partition(": ")[2]


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("dialled ws://admin:pa55w0rd@10.0.0.7:80/ws", "dialled ws://admin:***@10.0.0.7:80/ws"),
        ("http://a:b@one/x and http://c:d@two/y", "http://a:***@one/x and http://c:***@two/y"),
        ("postgresql://cam:p%40ss:word@db/cam", "postgresql://cam:***@db/cam"),
        ("ws://10.0.0.7:80/ws@home", "ws://10.0.0.7:80/ws@home"),
        ("Authorization: Bearer cam_abcDEF-123_x.y~z+/==", "Authorization: Bearer ***"),
        ("authorization: basic YWRtaW46c2VjcmV0", "authorization: basic ***"),
        ("the bearer is ill, basic needs", "the bearer is ill, basic needs"),
    ],
)
def test_what_looks_like_a_password_is_struck(said: str, written: str) -> None:
    assert line_of("%s", said) == written


def test_every_known_secret_is_struck_wherever_it_stands() -> None:
    secrets = ("sixteen letters!", "sixteen letters! and more")
    assert line_of("<%s>", "sixteen letters! and more", secrets=secrets) == "<***>"
    assert line_of("sixteen letters!sixteen letters!", secrets=secrets) == "******"


def test_a_secret_in_a_traceback_is_struck_too() -> None:
    formatter = Redacting(["the-secret-key-of-all"])
    try:
        raise ValueError("bad key the-secret-key-of-all at ws://root:hunter22@cam/ws")
    except ValueError as error:
        found = (type(error), error, error.__traceback__)
    record = log.makeRecord(log.name, logging.ERROR, __file__, 1, "it failed", (), found)
    written = formatter.format(record)
    assert "Traceback" in written
    assert "ValueError: bad key *** at ws://root:***@cam/ws" in written
    assert "the-secret-key-of-all" not in written
    assert "hunter22" not in written


def test_a_word_too_short_to_be_a_secret_does_not_eat_the_log() -> None:
    assert line_of("an ordinary line", secrets=("", "a", "an")) == "an ordinary line"


@pytest.mark.parametrize("sent", ["x\r\n2026 INFO camproxy: admin logged in", "x\ny", "x\ry", "\n\n\n"])
def test_what_a_stranger_sent_stays_on_its_line(sent: str) -> None:
    written = line_of("refused %s", sent)
    assert len(written.splitlines()) == 1
    assert written == "refused " + sent.replace("\r", "\\r").replace("\n", "\\n")


def test_a_line_has_its_time_level_and_place(start: Start) -> None:
    file = start()
    log.warning("something of %s", "note")
    (line,) = file.read_text().splitlines()
    assert FORMAT.startswith("%(asctime)s")
    date, time, level, place, said = line.split(maxsplit=4)
    assert (len(date), len(time)) == (10, 12)
    assert (level, place, said) == ("WARNING", "tests.strangers:", "something of note")


def test_to_standard_error_goes_the_same(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    file = start()
    log.info("the password is correct horse battery")
    assert capsys.readouterr().err == file.read_text()
    assert file.read_text().endswith("the password is ***\n")


def test_starting_twice_writes_each_line_once(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    before = len(logging.getLogger().handlers)
    for _ in range(3):
        file = start()
    assert len(logging.getLogger().handlers) == before + 3, "the terminal, the file, the count"
    log.info("once")
    assert file.read_text().count("once") == 1
    assert capsys.readouterr().err.count("once") == 1


def test_starting_again_with_other_secrets_strikes_those(start: Start) -> None:
    start(ADMIN_PASSWORD="the first password")
    file = start(ADMIN_PASSWORD="the second password")
    log.info("the second password")
    assert file.read_text().endswith(": ***\n")


def test_starting_leaves_other_handlers_alone(start: Start) -> None:
    foreign = logging.NullHandler()
    logging.getLogger().addHandler(foreign)
    start()
    start()
    assert foreign in logging.getLogger().handlers


@pytest.mark.parametrize(
    ("settings", "written"),
    [
        ({}, ["info", "warning"]),
        ({"LOG_LEVEL": "WARNING"}, ["warning"]),
        ({"LOG_LEVEL": "WARNING", "DEBUG": "true"}, ["debug", "info", "warning"]),
    ],
)
def test_the_level_is_the_setting_s(start: Start, settings: dict[str, str], written: list[str]) -> None:
    file = start(**settings)
    for level in ("debug", "info", "warning"):
        getattr(log, level)(level)
    assert [line.split()[-1] for line in file.read_text().splitlines()] == written


def test_the_file_rotates_and_the_oldest_go(start: Start, tmp_path: Path) -> None:
    file = start(LOG_FILE="elsewhere/cam.log", LOG_FILE_BYTES="10000", LOG_FILES="2")
    assert file == tmp_path / "elsewhere" / "cam.log"
    for number in range(600):
        log.info("line %d of the log, and a little more, so that it fills", number)
    found = sorted(path.name for path in file.parent.iterdir())
    assert found == ["cam.log", "cam.log.1", "cam.log.2"]
    assert all(path.stat().st_size <= 10_000 for path in file.parent.iterdir())
    lines = [line for name in reversed(found) for line in (file.parent / name).read_text().splitlines()]
    numbers = [int(line.split(" of the log")[0].split()[-1]) for line in lines]
    assert numbers == list(range(numbers[0], 600)), "in order, and nothing is missing"


@pytest.mark.parametrize(
    ("said", "written"),
    [
        # What links.without_password and urlsplit take for a password, logs.IN_ADDRESS does not.
        ("ws://:pa55w0rd@10.0.0.7/ws", "ws://:***@10.0.0.7/ws"),
        ("ws://root:pa@55w0rd@10.0.0.7/ws", "ws://root:***@10.0.0.7/ws"),
    ],
)
def test_every_password_in_an_address_is_struck(said: str, written: str) -> None:
    assert line_of("%s", said) == written


@pytest.mark.parametrize("sent", ["\x1b[2J\x1b[31mall is well", "a\x85b", "a\u2028b", "a\x0bb\x0cc", "\x08\x08\x08"])
def test_what_a_stranger_sent_moves_no_cursor(sent: str) -> None:
    written = line_of("GET /%s", sent)
    assert written.isprintable()
    assert len(written.splitlines()) == 1


def test_what_a_stranger_sent_writes_no_line_in_a_traceback_either() -> None:
    try:
        raise ValueError("bad name\n2026-01-01 00:00:00,000 INFO    camproxy.web.auth: admin logged in from 10.0.0.1")
    except ValueError as error:
        found = (type(error), error, error.__traceback__)
    record = log.makeRecord(log.name, logging.ERROR, __file__, 1, "it failed", (), found)
    assert not [line for line in Redacting(()).format(record).splitlines() if line.startswith("2026-01-01")]
