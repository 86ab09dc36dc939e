"""One table of settings: name, type, default, help.

Environment over `.env` (or the file that ENV_FILE names) over defaults. An empty value counts as unset. A value that
cannot be is refused with the name, the value and what is allowed. `.env.example` is this table in another form: write
it again with `python -m camproxy.settings > .env.example`.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import limits
from cronsim import CronSim, CronSimError
from dotenv import dotenv_values
from tzlocal import get_localzone

from camproxy import certificates
from camproxy.certificates import Certificate
from camproxy.errors import BadSetting

PROJECT = Path(__file__).resolve().parent.parent

#: Values that people leave in from an example; anybody could sign a session with them.
PLACEHOLDERS = {"your-secret-key-here", "change-me-in-production", "dev-secret-key-change-me", "changemechangeme"}
SHORTEST_SECRET = 16


def text(raw: str) -> str:
    return raw


def path(raw: str) -> Path:
    return Path(raw).expanduser()


def project_path(raw: str) -> Path:
    """Relative to the project, wherever a script is called from."""
    return PROJECT / Path(raw).expanduser()


def switch(raw: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if raw.lower() not in words:
        raise ValueError("true or false")
    return words[raw.lower()]


def whole(low: int, high: int) -> Callable[[str], int]:
    def parse(raw: str) -> int:
        if not raw.lstrip("-").isdigit() or not low <= int(raw) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(raw)

    return parse


def number(low: float, high: float) -> Callable[[str], float]:
    def parse(raw: str) -> float:
        try:
            value = float(raw)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return value

    return parse


def one_of(*allowed: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        found = {word.lower(): word for word in allowed}.get(raw.lower())
        if found is None:
            raise ValueError("one of " + ", ".join(allowed))
        return found

    return parse


def rate(raw: str) -> str:
    try:
        limits.parse(raw)
    except ValueError:
        raise ValueError("a rate such as 5 per minute") from None
    return raw


def secret(raw: str) -> str:
    if raw.lower() in PLACEHOLDERS or len(raw) < SHORTEST_SECRET:
        raise ValueError(f"at least {SHORTEST_SECRET} characters that are no example; leave it empty to have one made")
    return raw


def networks(raw: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in raw.split(",") if part.strip())
    except ValueError:
        raise ValueError("addresses or networks with commas between, e.g. 127.0.0.1, 10.0.0.0/8") from None


def service_name(raw: str) -> str:
    # 63 bytes is the most that mDNS takes; it needs some itself to tell two of the same name apart.
    if len(raw.encode()) > 58 or "." in raw or not raw.isprintable():
        raise ValueError("at most 58 bytes without dots and control characters")
    return raw


def origins(raw: str) -> tuple[str, ...]:
    found = tuple(part.strip().rstrip("/").lower() for part in raw.split(",") if part.strip())
    if not all(origin.startswith(("http://", "https://")) for origin in found):
        raise ValueError("origins with commas between, e.g. https://cameras.example.org")
    return found


def database_url(raw: str) -> str:
    if not raw.startswith(("sqlite:///", "postgresql://", "postgres://", "postgresql+psycopg://")):
        raise ValueError("sqlite:///file.db or postgresql://user:password@host/database")
    return raw


def address(raw: str) -> str:
    """A host name or an address, as it can stand in a URL."""
    try:
        good = urlsplit(f"ws://{raw}:80/").hostname and not any(c in "/@?#" or ord(c) <= 32 for c in raw)
    except ValueError:
        good = False
    if not good:
        raise ValueError("an address or a name, e.g. 192.168.1.100")
    return raw


def time_zone(raw: str) -> str:
    try:
        return ZoneInfo(raw).key
    except (ValueError, OSError):
        raise ValueError("a time zone such as Europe/Berlin; leave it empty for this machine's") from None


def cron(raw: str) -> str:
    try:
        next(CronSim(raw, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration):
        raise ValueError("minute, hour, day, month and weekday as in a crontab, e.g. 0 2 * * *") from None
    return raw


def copy_place(raw: str) -> str:
    if raw.startswith("s3://"):
        bucket = raw.removeprefix("s3://").partition("/")[0]
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
            raise ValueError("a bucket such as s3://name/prefix")
    elif not Path(raw).is_absolute():
        raise ValueError("a directory, named from / on, or a bucket such as s3://name/prefix")
    return raw.rstrip("/") or "/"


def web_address(raw: str) -> str:
    parts = urlsplit(raw)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError("an address such as https://s3.example.org, without a password")
    return raw.rstrip("/")


def setting(parse: Callable[[str], Any], default: Any, help: str, *, is_secret: bool = False) -> Any:
    return field(default=default, metadata={"parse": parse, "help": help, "secret": is_secret})


@dataclass(frozen=True)
class Settings:
    """Everything that can be set. A field's upper-case name is the setting's name."""

    host: str = setting(text, "0.0.0.0", "Address to listen on; 127.0.0.1 when nginx stands in front")
    port: int = setting(whole(1, 65535), 5000, "Port to listen on")
    port_range: int = setting(
        whole(1, 1000), 10, "How many ports to try from PORT on when it is busy; 1 means PORT or nothing"
    )
    tls: bool = setting(switch, False, "Whether the server speaks https itself; behind nginx, which does, leave it off")
    tls_certificate: Path | None = setting(
        path, None, "Certificate with its chain (PEM), relative to DATA_DIR; empty: a self-signed one is made"
    )
    tls_key: Path | None = setting(path, None, "Its private key (PEM), relative to DATA_DIR")
    mdns: bool = setting(
        switch, True, "Whether the server announces itself in the local network (mDNS) and looks for boards there"
    )
    mdns_name: str = setting(service_name, "", "Under which name; empty: CamProxy on this machine's name")
    debug: bool = setting(switch, False, "More in the log, templates reloaded; never on a server that others reach")
    secret_key: str = setting(
        secret, "", "Signs sessions; when empty, one is made and kept in DATA_DIR/secret_key", is_secret=True
    )
    data_dir: Path = setting(project_path, PROJECT / "data", "Where everything is kept: database, logs, secret key")
    database_url: str = setting(
        database_url, "sqlite:///robocam.db", "SQLite file (relative to DATA_DIR) or PostgreSQL", is_secret=True
    )
    log_level: str = setting(one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), "INFO", "How much is logged")
    log_file: Path = setting(path, Path("logs/camproxy.log"), "Log file, relative to DATA_DIR; rotated")
    log_file_bytes: int = setting(whole(10_000, 1_000_000_000), 5_000_000, "Size at which the log file is rotated")
    log_files: int = setting(whole(1, 100), 5, "How many rotated log files are kept")
    device_log_bytes: int = setting(
        whole(10_000, 100_000_000), 1_000_000, "Size at which a board's log is rotated; three files each are kept"
    )

    admin_username: str = setting(text, "admin", "Name of the admin who is created when there is no user yet")
    admin_password: str = setting(
        text, "", "That admin's password; when empty, a random one is printed once", is_secret=True
    )
    session_hours: int = setting(whole(1, 8760), 24, "How long a login lasts")
    session_idle_hours: int = setting(
        whole(1, 8760), 12, "How long it lasts when nothing is asked of it; an open live page asks"
    )
    relogin_on_hard_reload: bool = setting(
        switch, True, "Whether a hard reload (Ctrl+Shift+R) makes everybody but admins log in again"
    )
    login_limit: str = setting(
        rate, "5 per minute", "Login attempts by address, and by account from browsers that it never used"
    )
    enrol_limit: str = setting(
        rate, "60 per minute", "How often an address may try to enrol a device, or ask for a token"
    )
    audit_days: int = setting(whole(1, 36_500), 365, "How long it is kept who logged in and changed what")
    language: str = setting(text, "", "Language of the pages when the user chose none, e.g. de; empty: the browser's")

    esp32cam_ip: str = setting(address, "", "Address of the first camera; empty: a demo camera is made instead")
    esp32cam_port: int = setting(whole(1, 65535), 80, "Port of the first camera")
    esp32cam_path: str = setting(text, "/ws", "WebSocket path of the first camera")
    frame_rate: int = setting(whole(1, 25), 10, "Pictures a second asked of a new camera")
    frame_bytes: int = setting(whole(1_000, 50_000_000), 524_288, "Largest picture taken from a camera, in bytes")
    linger_seconds: float = setting(
        number(0, 3600), 5.0, "How long pictures are still pulled after the last viewer has left"
    )
    reconnect_seconds: float = setting(
        number(0.01, 300), 5.0, "Pause before the first reconnection to a camera; grows to six times that"
    )

    max_devices: int = setting(whole(1, 5000), 200, "How many boards may enrol")
    device_refusals: str = setting(
        rate, "30 per minute", "How often boards of one address may come without a valid key"
    )
    device_connections: str = setting(rate, "60 per minute", "How often one board may connect")
    event_days: int = setting(whole(1, 36_500), 90, "How long it is kept when devices went and came back")

    recording_dir: Path = setting(path, Path("recordings"), "Where recordings are kept, relative to DATA_DIR")
    recording_timezone: str = setting(
        time_zone, "", "Zone of the days and hours that recordings are filed under; empty: this machine's"
    )
    recording_days: int = setting(whole(1, 36_500), 7, "How many days recordings are kept, where a camera says nothing")
    recording_bytes: int = setting(
        whole(0, 10**15),
        0,
        "How many bytes of recordings are kept; the oldest go first; 0: as many as there is room for",
    )
    recording_free_bytes: int = setting(
        whole(0, 10**15), 1_000_000_000, "Bytes that stay free on their disk: old recordings go, then recording stops"
    )
    recording_cleanup: str = setting(cron, "0 2 * * *", "When recordings that are too old are removed, as in a crontab")
    recording_copy: str = setting(
        copy_place,
        "",
        "Where recordings are copied to: a directory on another disk, or s3://bucket/prefix; empty: nowhere",
    )
    recording_copy_endpoint: str = setting(
        web_address, "", "Address of the S3 server, e.g. https://s3.example.org; empty: Amazon's"
    )
    recording_copy_region: str = setting(text, "", "Its region, e.g. eu-central-1")
    recording_copy_key: str = setting(text, "", "The bucket's access key ID; empty: AWS_ACCESS_KEY_ID and so on")
    recording_copy_secret: str = setting(text, "", "The secret that belongs to it", is_secret=True)
    recording_copy_rate: int = setting(whole(0, 10**12), 0, "Bytes a second that copying may take; 0: no limit")
    recording_copy_days: int = setting(
        whole(0, 36_500), 0, "How many days copies of recordings are kept that are gone here; 0: for ever"
    )

    lease_seconds: float = setting(number(1, 3600), 30.0, "How long a camera stays with whoever steered it last")
    moves_per_second: float = setting(number(1, 1000), 20.0, "Moves a user may send a second; more are merged")
    events_per_second: float = setting(
        number(10, 10_000), 200.0, "Socket.IO messages a user may send a second; who sends more waits"
    )

    max_clients: int = setting(whole(1, 2000), 100, "How many browsers may be connected at once")
    connections_per_address: int = setting(
        whole(1, 10_000), 100, "Connections one address may have that are no pictures; trusted proxies are exempt"
    )
    max_viewers: int = setting(whole(1, 10_000), 500, "How many pictures may be watched at once, over all cameras")
    viewers_each: int = setting(whole(1, 10_000), 100, "How many of them one user, and one address, may watch at once")
    message_bytes: int = setting(whole(1_000, 10_000_000), 65_536, "Largest message or form taken from a browser")
    trusted_proxies: tuple[Any, ...] = setting(
        networks, (), "Proxies whose X-Forwarded-* headers are believed, as addresses or networks"
    )
    allowed_origins: tuple[str, ...] = setting(
        origins, (), "Other sites whose pages may open sockets here; this site itself always may"
    )
    async_mode: str = setting(one_of("threading", "eventlet"), "threading", "threading, or eventlet (being retired)")

    @property
    def database(self) -> str:
        """The database's URL, a relative SQLite file placed under `data_dir`, or PostgreSQL by the driver we use."""
        prefix = "sqlite:///"
        if not self.database_url.startswith(prefix):
            return "postgresql+psycopg://" + self.database_url.partition("://")[2]
        return prefix + str(self.data_dir / self.database_url.removeprefix(prefix).split("?")[0])

    @property
    def log_path(self) -> Path:
        return self.data_dir / self.log_file

    @property
    def device_logs(self) -> Path:
        return self.data_dir / "logs" / "devices"

    @property
    def firmware(self) -> Path:
        return self.data_dir / "firmware"

    @property
    def recordings(self) -> Path:
        return self.data_dir / self.recording_dir

    @property
    def recording_zone(self) -> ZoneInfo:
        """The zone that recordings are filed in."""
        zone = ZoneInfo(self.recording_timezone) if self.recording_timezone else get_localzone()
        return zone if isinstance(zone, ZoneInfo) and zone.key else ZoneInfo("UTC")

    def certificate(self) -> Certificate | None:
        """What the server speaks TLS with, if it does; made when none is named. Raises BadSetting."""
        return certificates.find(*self._certificate_files) if self.tls else None

    @property
    def certificate_place(self) -> tuple[Path, Path]:
        """Where that certificate and its key are, or would be. Raises BadSetting."""
        return certificates.place(*self._certificate_files)

    @property
    def _certificate_files(self) -> tuple[Path | None, Path | None, Path]:
        chain, key = (file and self.data_dir / file for file in (self.tls_certificate, self.tls_key))
        return chain, key, self.data_dir / "certificates"

    @property
    def secrets(self) -> list[str]:
        """Every value that must never be seen in a log."""
        named = [getattr(self, f.name) for f in fields(self) if f.metadata["secret"]]
        return [value for value in named if value and not value.startswith("sqlite:")]


def load(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings, and make `data_dir`, and the secret key in it when none is set. Raises BadSetting."""
    settings = read(overrides)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(f"DATA_DIR cannot be {str(settings.data_dir)!r}: {error.strerror}") from None
    if not settings.secret_key:
        settings = replace(settings, secret_key=kept_secret(settings.data_dir / "secret_key"))
    return settings


def read(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings and make nothing. `overrides` (upper-case names; text or ready values) come before all others.

    Raises BadSetting.
    """
    dotenv = dotenv_values(os.environ.get("ENV_FILE") or PROJECT / ".env")
    values: dict[str, Any] = {}
    for f in fields(Settings):
        name = f.name.upper()
        raw = (overrides or {}).get(name, os.environ.get(name) or dotenv.get(name))
        if raw in (None, ""):
            continue
        values[f.name] = parse(name, raw, f.metadata) if isinstance(raw, str) else raw
    return Settings(**values)


def parse(name: str, raw: str, metadata: Mapping[str, Any]) -> Any:
    try:
        return metadata["parse"](raw.strip())
    except ValueError as error:
        shown = "the given value" if metadata["secret"] else repr(raw)
        raise BadSetting(f"{name} cannot be {shown}: allowed is {error}") from None


def kept_secret(file: Path) -> str:
    """The secret in `file`, made first when there is none. Only the owner can read it. Raises BadSetting."""
    made = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        if not file.exists():
            # Complete before it has its name: after a power cut there is a whole secret or none.
            with open(made, "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as handle:
                handle.write(secrets.token_urlsafe(32) + "\n")
                handle.flush()
                os.fsync(handle.fileno())
            try:
                os.link(made, file)  # not replace: of two who make one at the same time, both take the first
            except FileExistsError:
                pass
            made.unlink()
        return secret(file.read_text().strip())
    except OSError as error:
        raise BadSetting(f"the secret key cannot be kept in {file}: {error.strerror}") from None
    except ValueError as error:
        raise BadSetting(f"the secret key in {file} cannot be used: allowed is {error}; or remove the file") from None


def example() -> str:
    """The text of `.env.example`: every setting, what it does, its default."""
    lines = ["# Copy this file to .env and change what you need; an empty value means the default.", ""]
    for f in fields(Settings):
        default = f.default
        if isinstance(default, bool):
            default = str(default).lower()
        elif isinstance(default, Path) and default.is_relative_to(PROJECT):
            default = default.relative_to(PROJECT)
        elif default in ((), None):
            default = ""
        lines += [f"# {f.metadata['help']}", f"{f.name.upper()}={default}", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(example())
