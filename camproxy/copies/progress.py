"""Progress: how far each camera's manifest has been copied, also over a restart.

What is in the target says the same, and is believed when it can be asked; the note is for when it cannot: then it is
still known how far behind the copies are, and that the target is no new one.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

log = logging.getLogger(__name__)


class Reached(BaseModel):
    """The manifest is in the target up to there: so many bytes, and their SHA-256."""

    length: Annotated[int, Field(ge=0)] = 0
    sha256: str = hashlib.sha256(b"").hexdigest()

    @classmethod
    def of(cls, content: bytes) -> Reached:
        return cls(length=len(content), sha256=hashlib.sha256(content).hexdigest())

    def begins(self, content: bytes) -> bool:
        """Whether that manifest goes on from there."""
        return len(content) >= self.length and Reached.of(content[: self.length]) == self


class Progress(BaseModel):
    """`since`: when the target was first used, in seconds since 1970. `published` by folder."""

    target: str
    since: float
    published: dict[str, Reached] = {}

    @classmethod
    def load(cls, file: Path, target: str, now: float) -> tuple[Progress, bool]:
        """What is known of that target, and whether it was used before."""
        try:
            kept = cls.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return cls(target=target, since=now), False
        except (OSError, ValidationError) as error:
            log.warning("%s cannot be read: %s", file, error)
            return cls(target=target, since=now), False
        return (kept, True) if kept.target == target else (cls(target=target, since=now), False)

    def save(self, file: Path) -> None:
        """Raises OSError."""
        made = file.with_name(f"{file.name}.new")
        made.write_text(json.dumps(self.model_dump()))
        os.replace(made, file)
