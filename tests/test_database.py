"""Migrations, from an empty database and from older ones; the source documents' own commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import Connection
from werkzeug.security import generate_password_hash

from app import create_app
from camproxy import schema
from camproxy.schema import scripts
from models import Camera, Permission, Preset, User, db

Database = Callable[[], dict[str, str]]

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture
def app(tmp_path: Path, database: Database) -> Iterator[Flask]:
    """An application at rest, with an empty database."""
    made = create_app({"DATA_DIR": str(tmp_path)} | database())
    yield made
    with made.app_context():
        db.session.remove()
        db.engine.dispose()


def revision(app: Flask) -> str | None:
    with app.app_context(), db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def card_database(connection: Connection) -> None:
    """What the design card's first server left behind: one table, Werkzeug's hashes, no revision."""
    columns = [sa.Column("id", sa.Integer, primary_key=True)]
    columns += [sa.Column("username", sa.String(80), nullable=False, unique=True)]
    columns += [sa.Column("password_hash", sa.String(256), nullable=False)]
    columns += [sa.Column(name, sa.Boolean, nullable=False) for name in ("is_active", "is_admin")]
    users = sa.Table("user", sa.MetaData(), *columns)
    users.create(connection)
    rows = [("anna", True, True), ("ben", True, False), ("cleo", False, False)]
    for name, active, admin in rows:
        password_hash = generate_password_hash(f"{name}'s password")
        new = users.insert().values(username=name, password_hash=password_hash, is_active=active, is_admin=admin)
        connection.execute(new)


@pytest.mark.both_databases
def test_an_empty_database_gets_the_tables_of_the_models(app: Flask) -> None:
    with app.app_context():
        schema.upgrade()
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, db.metadata) == []
        schema.upgrade()  # a second time changes nothing
    assert revision(app) == scripts().get_current_head()


@pytest.mark.both_databases
def test_the_card_s_database_is_taken_over_with_its_users(app: Flask) -> None:
    with app.app_context():
        with db.engine.begin() as connection:
            card_database(connection)
        schema.upgrade()
        people = {user.username: user for user in db.session.scalars(db.select(User))}
        assert {name: (user.role, user.is_active) for name, user in people.items()} == {
            "anna": ("admin", True),
            "ben": ("operator", True),
            "cleo": ("operator", False),
        }
        assert User.query.filter_by(is_admin=True).one().username == "anna"
        assert people["anna"].created_at is not None
        assert User.authenticate("anna", "anna's password") is people["anna"]
        assert User.authenticate("anna", "another") is None
        assert User.authenticate("cleo", "cleo's password") is None
        assert people["anna"].password_hash.startswith("$argon2id$"), "renewed at the first log-in"
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            differences = [change for change in compare_metadata(context, db.metadata) if "constraint" not in change[0]]
            assert differences == []


@pytest.mark.both_databases
@pytest.mark.parametrize("older", [script.revision for script in scripts().walk_revisions()])
def test_every_older_revision_can_be_brought_to_the_present_form(app: Flask, older: str) -> None:
    with app.app_context():
        from alembic import command

        with db.engine.begin() as connection:
            config = schema.configuration()
            config.attributes["connection"] = connection
            command.upgrade(config, older)
        assert revision(app) == older
        schema.upgrade()
    assert revision(app) == scripts().get_current_head()


@pytest.mark.both_databases
def test_down_and_up_again_keeps_the_users(app: Flask) -> None:
    from alembic import command

    with app.app_context():
        schema.upgrade()
        db.session.add(User("anna", "a long password", is_admin=True))
        db.session.add(User("ben", "a long password"))
        db.session.commit()
        db.session.remove()
        with db.engine.begin() as connection:
            config = schema.configuration()
            config.attributes["connection"] = connection
            command.downgrade(config, "0001")
        with db.engine.connect() as connection:
            rows = connection.execute(db.text('SELECT username, is_admin FROM "user" ORDER BY username')).all()
            assert [(name, bool(admin)) for name, admin in rows] == [("anna", True), ("ben", False)]
        schema.upgrade()
        assert [user.role for user in User.query.order_by(User.username)] == ["admin", "operator"]


def test_sqlite_is_opened_safely(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        assert connection.execute(db.text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(db.text("PRAGMA synchronous")).scalar() == 2, "FULL"
        assert connection.execute(db.text("PRAGMA foreign_keys")).scalar() == 1


@pytest.mark.both_databases
def test_removing_a_camera_or_a_user_takes_what_belongs_to_it_along(app: Flask) -> None:
    with app.app_context():
        schema.upgrade()
        camera = Camera(name="Door", slug="door", url="demo:")
        camera.presets.append(Preset(slot=1, name="Left", x=0, y=90))
        user = User("anna", "a long password")
        db.session.add_all([camera, user])
        db.session.commit()
        user.default_camera_id = camera.id
        user.permissions.append(Permission(camera=camera, level="view"))
        db.session.commit()
        db.session.delete(camera)
        db.session.commit()
        db.session.expire_all()
        assert user.default_camera_id is None
        assert db.session.scalar(db.select(db.func.count()).select_from(Preset)) == 0
        assert db.session.scalar(db.select(db.func.count()).select_from(Permission)) == 0


# The source documents' own commands, as written there


def run_python(data_dir: Path, code: str) -> str:
    environment = os.environ | {"DATA_DIR": str(data_dir), "LOG_LEVEL": "WARNING"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


ONE_LINER = (
    "from app import create_app; from models import db; app=create_app(); app.app_context().push(); db.create_all()"
)


def test_the_card_s_database_one_liner_and_its_user_snippets(tmp_path: Path) -> None:
    run_python(tmp_path, ONE_LINER)
    snippet = """
from app import create_app
from models import User, db
app = create_app()
with app.app_context():
    user = User(username='neuer_user', password='sicheres_passwort')
    user.is_active = True
    user.is_admin = True
    db.session.add(user)
    db.session.commit()
    user = User.query.filter_by(username='neuer_user').first()
    user.set_password('neues_passwort')
    user.is_active = False
    db.session.commit()
    print(user.is_admin, user.is_active)
    print(user.check_password('neues_passwort'), user.check_password('sicheres_passwort'))
    user.is_admin = False
    print(user.role, User.query.filter_by(is_admin=True).count())
"""
    assert run_python(tmp_path, snippet).split() == ["True", "False", "True", "False", "operator", "0"]
    # A database made that way is the present one: starting the server migrates nothing and breaks nothing.
    app = create_app({"DATA_DIR": str(tmp_path)})
    assert revision(app) == scripts().get_current_head()
    with app.app_context():
        schema.upgrade()
        assert User.query.filter_by(username="neuer_user").count() == 1
        db.session.remove()
        db.engine.dispose()


def test_importing_create_app_starts_nothing(tmp_path: Path) -> None:
    code = "import threading; from app import create_app; create_app(); print(*(t.name for t in threading.enumerate()))"
    # The timer is Flask-Limiter's, which forgets old log-in attempts.
    assert [name for name in run_python(tmp_path, code).split() if "Thread-" not in name and name[0] != "("] == [
        "MainThread"
    ]
    assert not (tmp_path / "robocam.db").exists()
