#!/usr/bin/env python3
"""What deploy/install.sh asks of the release that it installs.

installed.py settings      HOST, PORT, MESSAGE_BYTES, and what the database is: none (yet), file or postgresql
installed.py migrate       bring the database to the present form, as the server does at its start; then how many
                           people are in it, or will be once the server has made the admin that is set
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app import create_app
from camproxy import database, schema
from camproxy.errors import CannotStart
from camproxy.settings import load
from models import User


def settings() -> str:
    found = load()
    if not database.is_sqlite(found.database):
        kind = "postgresql"
    else:
        kind = "file" if database.file_of(found.database).exists() else "none"
    return f"{'https' if found.tls else 'http'} {found.host} {found.port} {found.message_bytes} {kind}"


def migrate() -> str:
    app = create_app()
    schema.check(app.config["SQLALCHEMY_DATABASE_URI"])
    with app.app_context():
        schema.upgrade()
        people = User.query.count()
    will_be_made = app.extensions["camproxy"].settings.admin_password != ""
    return str(people or int(will_be_made))


def main(arguments: list[str] | None = None) -> int:
    questions = {"settings": settings, "migrate": migrate}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", choices=questions)
    try:
        print(questions[parser.parse_args(arguments).question]())
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
