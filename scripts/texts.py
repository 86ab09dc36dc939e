#!/usr/bin/env python3
"""Bring the catalogues in camproxy/translations up to the texts in the sources; say what is left to translate.

A new language: `texts.py it`. The server has it as soon as it starts again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from camproxy import errors

ROOT = Path(__file__).resolve().parent.parent
#: Folder, files in it, and Babel's word for what they are.
SOURCES = (("camproxy", "**.py", "python"), ("templates", "**.html", "jinja2"), ("static/js", "**.js", "javascript"))
CATALOGUES = ROOT / "camproxy" / "translations"
#: The message of an error is its first argument; making one is marking its message.
ERRORS = {
    name: None
    for name, kind in vars(errors).items()
    if isinstance(kind, type)
    and issubclass(kind, errors.CamProxyError)
    and not issubclass(kind, errors.ChannelError | errors.CannotStart)  # told to the log and the terminal, in English
}


def extracted() -> Catalog:
    """Every text in the sources."""
    found = Catalog(charset="utf-8")
    for folder, files, kind in SOURCES:
        texts = extract_from_dir(ROOT / folder, [(files, kind)], keywords=DEFAULT_KEYWORDS | ERRORS)
        for path, _line, text, _comments, context in texts:
            found.add(text, locations=[(f"{folder}/{path}", 1)], context=context)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("language", nargs="*", help="code of a language to begin, such as it or pt_BR")
    begun = [CATALOGUES / f"{code}.po" for code in parser.parse_args().language]
    texts = extracted()
    for path in sorted({*CATALOGUES.glob("*.po"), *begun}):
        catalogue = Catalog(path.stem, project="CamProxy", charset="utf-8", fuzzy=False, header_comment="")
        if path.exists():
            with path.open("rb") as source:
                catalogue = read_po(source, locale=path.stem)
        catalogue.update(texts, no_fuzzy_matching=True, update_creation_date=False)
        with path.open("wb") as target:
            # Files without lines: not every change of a source shall be one of the catalogues.
            write_po(target, catalogue, sort_by_file=True, include_lineno=False, ignore_obsolete=True, width=120)
        left = [message for message in catalogue if message.id and not message.string]
        print(f"{path.stem}: {len(catalogue)} texts, {len(left)} to translate")


if __name__ == "__main__":
    main()
