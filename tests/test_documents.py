"""What the documents point at is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.running import PROJECT

LINK = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")


#: Where documents are; elsewhere are those of what was installed.
FOLDERS = ("docs/**", "esp32", "pico", "pico/sim", "tests/wire", ".")


def documents() -> list[Path]:
    return sorted(file for folder in FOLDERS for file in PROJECT.glob(f"{folder}/*.md"))


@pytest.mark.parametrize("document", documents(), ids=lambda file: str(file.relative_to(PROJECT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for pair in LINK.findall(document.read_text()):
        target = (pair[0] or pair[1]).partition("#")[0]
        if target and "://" not in target and not target.startswith("mailto:"):
            assert (document.parent / target).exists(), target
