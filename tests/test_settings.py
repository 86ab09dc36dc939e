from __future__ import annotations

import stat
from pathlib import Path

import pytest

from camproxy.errors import BadSetting
from camproxy.settings import PROJECT, Settings, example, load


def test_environment_goes_over_the_file_and_the_file_over_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text(f"PORT=6001\nFRAME_RATE=7\nESP32CAM_PORT=\nDATA_DIR={tmp_path}\n")
    monkeypatch.setenv("ENV_FILE", str(file))
    monkeypatch.setenv("PORT", "6002")
    settings = load()
    assert (settings.port, settings.frame_rate, settings.esp32cam_port) == (6002, 7, 80)
    assert load({"PORT": "6003"}).port == 6003


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PORT", "eighty", "a whole number from 1 to 65535"),
        ("PORT", "70000", "a whole number from 1 to 65535"),
        ("PORT", "-1", "a whole number from 1 to 65535"),
        ("DEBUG", "perhaps", "true or false"),
        ("LOG_LEVEL", "LOUD", "one of DEBUG, INFO"),
        ("ASYNC_MODE", "gevent", "one of threading, eventlet"),
        ("LINGER_SECONDS", "nan", "a number from 0 to 3600"),
        ("TRUSTED_PROXIES", "nginx", "addresses or networks"),
        ("ALLOWED_ORIGINS", "example.org", "origins with commas between"),
        ("DATABASE_URL", "mysql://x", "sqlite:///file.db or postgresql"),
        ("RECORDING_COPY", "nas/copies", "a directory, named from / on"),
        ("RECORDING_COPY", "s3://Upper_Case/x", "a bucket such as s3://name/prefix"),
        ("RECORDING_COPY_ENDPOINT", "s3.example.org", "an address such as https://"),
        ("RECORDING_COPY_ENDPOINT", "https://key:word@s3.example.org", "without a password"),
        ("SECRET_KEY", "short", "at least 16 characters"),
        ("SECRET_KEY", "your-secret-key-here", "at least 16 characters"),
    ],
)
def test_what_cannot_be_is_refused_with_name_value_and_what_is_allowed(
    tmp_path: Path, name: str, value: str, allowed: str
) -> None:
    with pytest.raises(BadSetting) as refused:
        load({"DATA_DIR": str(tmp_path), name: value})
    message = str(refused.value)
    assert name in message
    assert allowed in message
    # What is secret is not repeated, not even when it is wrong.
    assert (value in message) == (name not in ("SECRET_KEY", "DATABASE_URL"))


def test_a_secret_key_is_made_once_and_only_the_owner_can_read_it(tmp_path: Path) -> None:
    first = load({"DATA_DIR": str(tmp_path)}).secret_key
    assert len(first) >= 32
    assert load({"DATA_DIR": str(tmp_path)}).secret_key == first
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_a_relative_data_dir_does_not_depend_on_where_a_script_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from camproxy.settings import project_path

    monkeypatch.chdir(tmp_path)
    assert project_path("data") == PROJECT / "data"


def test_the_database_lies_under_the_data_dir_unless_its_path_is_absolute(tmp_path: Path) -> None:
    assert load({"DATA_DIR": str(tmp_path)}).database == f"sqlite:///{tmp_path}/robocam.db"
    elsewhere = load({"DATA_DIR": str(tmp_path), "DATABASE_URL": "sqlite:////var/x.db"})
    assert elsewhere.database == "sqlite:////var/x.db"


def test_the_example_is_the_table(tmp_path: Path) -> None:
    written = (PROJECT / ".env.example").read_text()
    assert written == example(), "write it again: python -m camproxy.settings > .env.example"
    for name in Settings.__dataclass_fields__:
        assert f"\n{name.upper()}=" in written


def test_the_example_itself_can_be_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENV_FILE", str(PROJECT / ".env.example"))
    settings = load({"DATA_DIR": str(tmp_path)})
    assert settings.port == 5000
    assert settings.trusted_proxies == ()
