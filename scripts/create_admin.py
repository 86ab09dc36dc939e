#!/usr/bin/env python3
"""Make an admin, or change a user, from the command line.

Without arguments it asks. With arguments it does one thing and says so:

    create_admin.py --username anna --password-stdin < file     make an admin (or --role viewer|operator)
    create_admin.py --username ben --promote                    make a user an admin
    create_admin.py --username ben --deactivate                 keep a user out
    create_admin.py --username ben --unlock                     let a deactivated user in again, or one whose
                                                                name was tried too often
    create_admin.py --username ben --reset --password-stdin     give a user another password

A password on the command line would be seen by everybody on the machine, so there is no option for it.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app import create_app
from camproxy import audit, schema
from camproxy.audit import Action
from camproxy.errors import CannotStart
from models import ROLES, LoginFailure, LoginSession, User, db

SHORTEST_PASSWORD = 8


def main(arguments: list[str] | None = None) -> int:
    options = read_options(arguments)
    try:
        app = create_app()
        schema.check(app.config["SQLALCHEMY_DATABASE_URI"])
        with app.app_context():
            schema.upgrade()
    except CannotStart as error:
        return refuse(str(error))
    with app.app_context():
        username = (options.username or input("User name: ")).strip()
        if not username or len(username) > 80:
            return refuse("A user name has 1 to 80 characters.")
        user = User.named(username)
        if options.promote or options.deactivate or options.unlock or options.reset:
            if user is None:
                return refuse(f"There is no user {username!r}.")
            return change(user, options)
        if user is not None:
            return refuse(f"There is a user {user.username!r} already. To change it: --promote, --reset, --unlock.")
        password = ask_password(options)
        if password is None:
            return 1
        db.session.add(User(username, password, role=options.role))
        audit.note(Action.USER_ADDED, username, options.role)
        db.session.commit()
        print(f"Made {username}, {options.role}.")
    return 0


def change(user: User, options: argparse.Namespace) -> int:
    if options.deactivate and user.is_admin and only_admin(user):
        return refuse(f"{user.username} is the only admin; make somebody else an admin first.")
    if options.reset:
        password = ask_password(options)
        if password is None:
            return 1
        user.set_password(password)
        LoginSession.end(LoginSession.user_id == user.id)
    if options.promote:
        user.is_admin = True
    if options.deactivate or options.unlock:
        user.is_active = bool(options.unlock)
        LoginFailure.forget(LoginFailure.account_of(user.username))
    if options.deactivate:
        LoginSession.end(LoginSession.user_id == user.id)
    audit.note(Action.USER_CHANGED, user.username, deed(options))
    db.session.commit()
    print(f"{user.username} is {user.role}, {'active' if user.is_active else 'not active'}.")
    return 0


def deed(options: argparse.Namespace) -> str:
    return next(name for name in ("promote", "deactivate", "unlock", "reset") if getattr(options, name))


def only_admin(user: User) -> bool:
    others = User.query.filter_by(is_admin=True, is_active=True).filter(User.id != user.id)
    return others.first() is None


def ask_password(options: argparse.Namespace) -> str | None:
    """The new password; None, with a sentence, when it is too short or was typed in two ways."""
    if options.password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = getpass.getpass("Password: ")
        if password != getpass.getpass("The same again: "):
            refuse("The two are not the same.")
            return None
    if len(password) < SHORTEST_PASSWORD:
        refuse(f"A password has at least {SHORTEST_PASSWORD} characters.")
        return None
    return password


def refuse(why: str) -> int:
    print(why, file=sys.stderr)
    return 1


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--username", help="whom it is about; asked for when it is not given")
    parser.add_argument("--role", choices=ROLES, default="admin", help="of a new user (default: admin)")
    parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    deed = parser.add_mutually_exclusive_group()
    deed.add_argument("--promote", action="store_true", help="make an existing user an admin")
    deed.add_argument("--deactivate", action="store_true", help="keep an existing user out")
    deed.add_argument("--unlock", action="store_true", help="let in again who was deactivated or tried too often")
    deed.add_argument("--reset", action="store_true", help="give an existing user another password")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
