from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import create_app
from models import User, db

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "create_admin.py"


def run(data_dir: Path, *arguments: str, typed: str = "", code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        cwd=data_dir,
        env=os.environ | {"DATA_DIR": str(data_dir), "LOG_LEVEL": "WARNING"},
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def user(data_dir: Path, name: str) -> dict[str, object]:
    app = create_app({"DATA_DIR": str(data_dir)})
    with app.app_context():
        row = User.named(name)
        assert row is not None
        found = {"role": row.role, "active": row.is_active, "hash": row.password_hash}
        found["password"] = [word for word in ("a long password", "another password") if row.check_password(word)]
        db.session.remove()
        db.engine.dispose()
    return found


def test_a_user_s_life(tmp_path: Path) -> None:
    make = ("--username", "anna", "--password-stdin")
    assert "Made anna, admin." in run(tmp_path, *make, typed="a long password\n")
    assert user(tmp_path, "Anna")["role"] == "admin"
    run(tmp_path, "--username", "ben", "--role", "viewer", "--password-stdin", typed="a long password\n")
    assert user(tmp_path, "ben")["role"] == "viewer"
    run(tmp_path, "--username", "ben", "--promote")
    assert user(tmp_path, "ben")["role"] == "admin"
    run(tmp_path, "--username", "anna", "--deactivate")
    assert user(tmp_path, "anna")["active"] is False
    run(tmp_path, "--username", "anna", "--unlock")
    assert user(tmp_path, "anna")["active"] is True
    run(tmp_path, "--username", "anna", "--reset", "--password-stdin", typed="another password\n")
    assert user(tmp_path, "anna")["password"] == ["another password"]


def test_what_it_refuses(tmp_path: Path) -> None:
    short = run(tmp_path, "--username", "anna", "--password-stdin", typed="short\n", code=1)
    assert "at least 8 characters" in short
    run(tmp_path, "--username", "anna", "--password-stdin", typed="a long password\n")
    again = run(tmp_path, "--username", "ANNA", "--password-stdin", typed="a long password\n", code=1)
    assert "already" in again
    assert "no user 'nobody'" in run(tmp_path, "--username", "nobody", "--promote", code=1)
    assert "only admin" in run(tmp_path, "--username", "anna", "--deactivate", code=1)
    run(tmp_path, "--username", "anna", "--promote", "--deactivate", code=2)


def test_it_asks(tmp_path: Path) -> None:
    """Without arguments, at a real terminal: name, password twice, nothing of it shown."""
    import pty

    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.environ.update(DATA_DIR=str(tmp_path), LOG_LEVEL="WARNING")
        os.execv(sys.executable, [sys.executable, str(SCRIPT)])
    shown = b""
    for prompt, answer in ((b"User name: ", b"cleo\n"), (b"Password: ", b"a long password\n")):
        shown = until(terminal, shown, prompt)
        os.write(terminal, answer)
    until(terminal, b"", b"The same again: ")
    os.write(terminal, b"a long password\n")
    after = until(terminal, b"", b"Made cleo, admin.")
    os.waitpid(child, 0)
    os.close(terminal)
    assert b"a long password" not in shown + after
    assert user(tmp_path, "cleo")["role"] == "admin"


def until(terminal: int, shown: bytes, wanted: bytes) -> bytes:
    while wanted not in shown:
        try:
            data = os.read(terminal, 1024)
        except OSError:
            data = b""
        if not data:
            pytest.fail(f"ended before {wanted!r}: {shown!r}")
        shown += data
    return shown
