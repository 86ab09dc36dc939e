#!/usr/bin/env python3
"""See whether everything that was recorded is there and unchanged; the server may run meanwhile.

    verify_recordings.py                      the recordings of this server
    verify_recordings.py /mnt/nas/camproxy    a copy of them; needs neither server nor database
    verify_recordings.py s3://bucket/prefix   the same in a bucket; it reads all of it
    verify_recordings.py --copy               the copy that RECORDING_COPY names

It ends with 0 when all is as it was recorded, with 1 when something is missing, changed, unknown, or a manifest was
tampered with, and with 2 when that could not be found out. docs/recording.md says what to do.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from camproxy.copies import open_target
from camproxy.copies.directory import DirectoryTarget
from camproxy.copies.target import CopyFailed
from camproxy.copies.verify import Finding, Rows, Watch, as_json, verify
from camproxy.database import engine_options, file_of, is_sqlite, reason
from camproxy.errors import CannotStart, Unavailable
from camproxy.recording.catalogue import Catalogue
from camproxy.recording.storage import Storage
from camproxy.settings import Settings, read

KINDS = ("missing", "changed", "unknown")


def main(arguments: list[str] | None = None) -> int:
    options = read_options(arguments)
    try:
        found = look(options, read(), nobody if options.quiet or not sys.stderr.isatty() else progress)
    except (CannotStart, CopyFailed, Unavailable) as error:
        print(f"verify_recordings.py: {error}", file=sys.stderr)
        return 2
    except SQLAlchemyError as error:
        print(f"verify_recordings.py: the database cannot be asked: {reason(error)}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(as_json(found), indent=2))
    else:
        for line in in_words(found):
            if not options.quiet or not line.startswith(" ok"):
                print(line)
    return 0 if all(one.good for one in found) else 1


def look(options: argparse.Namespace, settings: Settings, watch: Watch) -> list[Finding]:
    place = settings.recording_copy if options.copy else options.place
    if options.copy and not place:
        raise CannotStart("RECORDING_COPY names no place")
    if place and Path(place).resolve() != settings.recordings.resolve():
        if not place.startswith("s3://") and not Path(place).is_dir():
            raise CannotStart(f"there is no directory {place}")
        return verify(open_target(place, settings), watch=watch)
    if not settings.recordings.is_dir():
        raise CannotStart(f"there is no directory {settings.recordings}")
    storage = Storage(settings.recordings, 0)
    engine = create_engine(settings.database, **engine_options(settings.database))
    catalogue = Catalogue(lambda: Session(engine))
    there = not is_sqlite(settings.database) or file_of(settings.database).exists()
    rows: Rows = catalogue.known if there else tuple
    try:
        return verify(DirectoryTarget(settings.recordings), rows, watch, lambda path: is_busy(storage, path))
    finally:
        engine.dispose()


def is_busy(storage: Storage, path: str) -> bool:
    try:
        return storage.is_busy(path)
    except (OSError, ValueError):
        return False


def in_words(found: Iterable[Finding]) -> Iterable[str]:
    nothing = True
    for one in found:
        nothing = False
        yield (
            f"{' ok' if one.good else 'BAD'}  {one.folder}: {one.whole} files whole ({one.bytes / 1e6:.1f} MB), "
            f"{one.removed} removed, {one.new} new; {one.lines} lines, the last is {one.head[:16]}…"
        )
        yield from (f"     {kind}: {path}" for kind in KINDS for path in getattr(one, kind))
        yield from (f"     manifest: {fault}" for fault in one.faults)
    if nothing:
        yield " ok  There are no recordings."


def progress(done: int, of: int) -> None:
    print(f"\r{done / 1e6:,.0f} of {of / 1e6:,.0f} MB", end="\n" if done == of else "", file=sys.stderr, flush=True)


def nobody(done: int, of: int) -> None:
    pass


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("place", nargs="?", metavar="PLACE", help="a directory or s3://bucket/prefix")
    where.add_argument("--copy", action="store_true", help="the copy that RECORDING_COPY names")
    parser.add_argument("--json", action="store_true", help="say it for a program")
    parser.add_argument("--quiet", action="store_true", help="say only what is wrong")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
