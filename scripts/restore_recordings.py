#!/usr/bin/env python3
"""Bring recordings back from a copy, while the server is stopped; each is compared with what was recorded.

    restore_recordings.py /mnt/nas/camproxy     into RECORDING_DIR, from a directory
    restore_recordings.py s3://bucket/prefix    from a bucket, with the keys of the settings
    restore_recordings.py --copy                from the place that RECORDING_COPY names
    restore_recordings.py --removed ...         also what had been removed here before and is still in the copy

What is there already is neither replaced nor brought again, so it can be called again after a failure. The server
finds the files when it starts, with or without the database that knew them. It ends with 0 when all was brought back
and with 1, and sentences, when it was not.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from camproxy import occupancy
from camproxy.copies import open_target
from camproxy.copies.restore import Restored, restore
from camproxy.copies.target import CopyFailed, Refused
from camproxy.errors import CannotStart
from camproxy.files import belong_to
from camproxy.recording.storage import Storage
from camproxy.settings import Settings, load


def main(arguments: list[str] | None = None) -> int:
    options = read_options(arguments)
    try:
        settings = load()
        place = settings.recording_copy if options.copy else options.place
        if not place:
            raise CannotStart("RECORDING_COPY names no place")
        done = bring(place, settings, options.removed)
    except (CannotStart, CopyFailed, Refused) as error:
        print(f"restore_recordings.py: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"restore_recordings.py: {error.filename or 'it'}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{done.files} recordings ({done.bytes / 1e6:.1f} MB) are in {settings.recordings}.")
    for problem in done.problems:
        print(f"restore_recordings.py: {problem}", file=sys.stderr)
    return 1 if done.problems else 0


def bring(place: str, settings: Settings, removed: bool) -> Restored:
    if not place.startswith("s3://") and not Path(place).is_dir():
        raise CannotStart(f"there is no directory {place}")
    target = open_target(place, settings)
    occupancy.occupy(settings.data_dir, patience=0)
    try:
        storage = Storage(settings.recordings, 0)
        storage.prepare(used=False)
        if storage.trouble:
            raise CannotStart(storage.detail)
        try:
            return restore(target, settings.recordings, removed=removed, watch=progress)
        finally:
            for made in [settings.recordings, *settings.recordings.rglob("*")]:
                if not made.is_symlink():
                    belong_to(made, like=settings.data_dir)
    finally:
        occupancy.leave(settings.data_dir)
        target.close()


def progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done / 1e6:,.0f} of {of / 1e6:,.0f} MB", end="\n" if done == of else "", file=sys.stderr, flush=True)


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("place", nargs="?", metavar="PLACE", help="a directory or s3://bucket/prefix")
    where.add_argument("--copy", action="store_true", help="the place that RECORDING_COPY names")
    parser.add_argument("--removed", action="store_true", help="also what had been removed before")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
