#!/usr/bin/env python3
"""Back up the database while the server runs; look at backups; put one back.

    backup_db.py                        make a backup in DATA_DIR/backups
    backup_db.py --keep 14 --quiet      the same every night by cron; the newest 14 stay
    backup_db.py --to /mnt/stick        make it there
    backup_db.py --list                 which there are
    backup_db.py --check FILE           whether one is whole and fits this release
    backup_db.py --restore FILE         put it back, while the server is stopped; what is there now is kept

It ends with 0 when that was done and with 1, and a sentence, when it was not. This is for SQLite; for PostgreSQL it
names the commands. What else to keep is in docs/backup.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from camproxy import backup
from camproxy.backup import BackupError
from camproxy.database import file_of, is_sqlite, shown
from camproxy.errors import CannotStart
from camproxy.settings import Settings, load


def main(arguments: list[str] | None = None) -> int:
    options = read_options(arguments)
    try:
        settings = load()
        if not is_sqlite(settings.database):
            raise BackupError(how_with_postgresql(settings))
        for line in carry_out(options, settings):
            if not options.quiet:
                print(line)
    except (BackupError, CannotStart) as error:
        print(f"backup_db.py: {error}", file=sys.stderr)
        return 1
    return 0


def carry_out(options: argparse.Namespace, settings: Settings) -> list[str]:
    """Do what was asked; the lines that tell of it."""
    database = file_of(settings.database)
    directory = options.to or settings.data_dir / "backups"
    if options.list:
        found = backup.backups_in(directory)
        return [f"{each.at:%Y-%m-%d %H:%M:%S} UTC  {size(each.size):>9}  {each.file}" for each in found] or [
            f"There are no backups in {directory}."
        ]
    if options.check:
        contents = backup.check(options.check)
        return [f"{options.check} is whole, of revision {contents.revision or 'none (the first server)'}."]
    if options.restore:
        kept = backup.restore(options.restore, database, settings.data_dir)
        return [f"Put {options.restore} in the place of {database}."] + ([f"What was there is {kept}."] if kept else [])
    made = backup.make(database, directory)
    lines = [f"Made {made.file}, {size(made.size)}."]
    if options.keep:
        lines += [f"Removed {old.file}." for old in backup.rotate(directory, options.keep)]
    return lines


def size(number: int) -> str:
    """Bytes, for a person."""
    return f"{number / 1e6:.1f} MB" if number >= 1e6 else f"{number / 1e3:.0f} kB"


def how_with_postgresql(settings: Settings) -> str:
    # Their tools know "postgresql:", and ask for the password or read it from ~/.pgpass.
    url = shown(settings.database).replace("postgresql+psycopg:", "postgresql:").replace(":***@", "@")
    return (
        "the database is PostgreSQL, whose own tools do this, also while the server runs:\n"
        f"    pg_dump --format=custom --file=camproxy.dump '{url}'\n"
        "and, while it is stopped:\n"
        f"    pg_restore --clean --if-exists --single-transaction --no-owner --dbname='{url}' camproxy.dump"
    )


def at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("a whole number from 1 on")
    return int(text)


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, metavar="DIRECTORY", help="where the backups are (default DATA_DIR/backups)")
    parser.add_argument("--keep", type=at_least_one, metavar="N", help="afterwards remove all but the newest N")
    parser.add_argument("--quiet", action="store_true", help="say nothing unless something is wrong")
    deed = parser.add_mutually_exclusive_group()
    deed.add_argument("--list", action="store_true", help="list the backups, the oldest first")
    deed.add_argument("--check", type=Path, metavar="FILE", help="see whether FILE is whole and fits this release")
    deed.add_argument("--restore", type=Path, metavar="FILE", help="put FILE in the database's place")
    options = parser.parse_args(arguments)
    if options.keep and (options.list or options.check or options.restore):
        parser.error("--keep goes with making a backup")
    return options


if __name__ == "__main__":
    sys.exit(main())
