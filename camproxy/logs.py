"""The log: to standard error and to a file that rotates, with every known secret struck out."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable
from logging.handlers import RotatingFileHandler
from typing import Any

from camproxy.errors import BadSetting
from camproxy.settings import Settings

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
STRUCK = "***"

#: Among them the marks that turn the text around them (bidi), and halves of characters.
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")

# A password inside an address, and the headers that carry one.
IN_ADDRESS = re.compile(r"(?<=://)([^/\s:@]*):[^/\s]+(?=@)")
IN_HEADER = re.compile(r"(?i)\b(bearer|basic) +[\w.~+/=-]{8,}")


def plain(text: str) -> str:
    """What writes no line of its own and steers no terminal."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def without_credentials(text: str) -> str:
    """What looks like a password is struck out, also where nobody knows it."""
    return IN_HEADER.sub(rf"\1 {STRUCK}", IN_ADDRESS.sub(rf"\1:{STRUCK}", text))


class RotatingTogether(RotatingFileHandler):
    """A file that gunicorn's master and its worker both write and rotate: each looks whether it still is the file."""

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream:
            try:
                there, ours = os.stat(self.baseFilename), os.fstat(self.stream.fileno())
                same = (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
            except FileNotFoundError:
                same = False
            if not same:
                self.stream.close()
                self.stream = self._open()
        super().emit(record)


class Redacting(logging.Formatter):
    """Strikes secrets out of the finished line, tracebacks included, and keeps a line one line."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__(FORMAT)
        self._secrets = sorted((secret for secret in secrets if len(secret) >= 4), key=len, reverse=True)

    def formatMessage(self, record: logging.LogRecord) -> str:
        # What a stranger sent must not be able to write a line of its own, or to steer the terminal that shows it.
        record.message = plain(record.message)
        return super().formatMessage(record)

    def formatException(self, info: Any) -> str:
        # Indented, because an exception's text may be a stranger's and have lines.
        return "\n".join("  " + plain(line) for line in super().formatException(info).split("\n"))

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        for secret in self._secrets:
            line = line.replace(secret, STRUCK)
        return without_credentials(line)


#: How many messages there were since the start, by level; /metrics tells.
counted: Counter[str] = Counter({"WARNING": 0, "ERROR": 0, "CRITICAL": 0})


class Counting(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        counted[record.levelname] += 1


def start_logging(settings: Settings) -> None:
    """Set up the root logger. Calling it again replaces what an earlier call set up. Raises BadSetting."""
    try:
        settings.log_path.parent.mkdir(parents=True, exist_ok=True)
        file = RotatingTogether(
            settings.log_path, maxBytes=settings.log_file_bytes, backupCount=settings.log_files, encoding="utf-8"
        )
    except OSError as error:
        raise BadSetting(f"LOG_FILE cannot be {str(settings.log_path)!r}: {error.strerror}") from None
    # The file first: what somebody reads at the terminal is in it.
    handlers: list[logging.Handler] = [file, logging.StreamHandler(sys.stderr), Counting(logging.WARNING)]
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler.formatter, Redacting)]:
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        handler.setFormatter(Redacting(settings.secrets))
        root.addHandler(handler)
    root.setLevel("DEBUG" if settings.debug else settings.log_level)
    chatty = ("engineio", "socketio", "websocket", "PIL", "asyncio", "zeroconf", "alembic.runtime.plugins")
    for name in (*chatty, "boto3", "botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Migrations are worth a line of their own only when one runs.
    logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)
