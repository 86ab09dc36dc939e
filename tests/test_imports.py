"""Imports point in one direction: from the way people come in, down to frames and links."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent

#: From the bottom of the house to its roof: a module imports from its own row or from those above it.
FLOORS = (
    (
        "models",
        "camproxy",
        "camproxy.tables",
        "camproxy.errors",
        "camproxy.clock",
        "camproxy.addresses",
        "camproxy.rfc6455",
        "camproxy.sockets",
        "camproxy.listeners",
        "camproxy.macs",
    ),
    ("camproxy.settings", "camproxy.logs", "camproxy.files", "camproxy.certificates"),
    ("camproxy.reset_reasons", "camproxy.advice"),
    ("camproxy.interfaces", "camproxy.found_devices", "camproxy.board_listener", "camproxy.discovery"),
    ("camproxy.occupancy", "camproxy.sqlite_file"),
    ("camproxy.messages", "camproxy.device_config", "camproxy.frames", "camproxy.firmware_image"),
    (
        "camproxy.recording.book",
        "camproxy.recording.capacity",
        "camproxy.recording.cut",
        "camproxy.recording.boxes",
        "camproxy.recording.encoder",
        "camproxy.recording.export",
        "camproxy.recording.fed",
        "camproxy.recording.film",
        "camproxy.recording.footage",
        "camproxy.recording.gaps",
        "camproxy.recording.hours",
        "camproxy.recording.index",
        "camproxy.recording.manifest",
        "camproxy.recording.matroska",
        "camproxy.recording.modes",
        "camproxy.recording.part",
        "camproxy.recording.recorder",
        "camproxy.recording.retention",
        "camproxy.recording.samples",
        "camproxy.recording.schedule",
        "camproxy.recording.storage",
        "camproxy.recording.timelapse",
        "camproxy.recording.thumbnails",
    ),
    ("camproxy.links",),
    ("camproxy.control",),
    ("camproxy.device_log_file", "camproxy.device_log"),
    ("camproxy.board", "camproxy.camera", "camproxy.cameras", "camproxy.starts", "camproxy.devices"),
    ("camproxy.checkup", "camproxy.device_logbook", "camproxy.updates", "camproxy.firmware_store"),
    (
        "camproxy.motion",
        "camproxy.motion.background",
        "camproxy.motion.episode",
        "camproxy.motion.pictures",
        "camproxy.motion.process",
        "camproxy.motion.thumbnail",
        "camproxy.motion.watcher",
        "camproxy.motion.worker",
    ),
    ("camproxy.runtime", "camproxy.access", "camproxy.changes", "camproxy.database", "camproxy.rows", "camproxy.audit"),
    ("camproxy.motion.past", "camproxy.recording"),
    ("camproxy.copies",),
    (
        "camproxy.schema",
        "camproxy.backup",
        "camproxy.later",
        "camproxy.device_book",
        "camproxy.update_book",
        "camproxy.probe",
        "camproxy.expiry",
    ),
    ("camproxy.motion.journal", "camproxy.motion.keeping", "camproxy.motion.poses", "camproxy.motion.settings"),
    ("camproxy.diagnostics",),
    ("camproxy.replies", "camproxy.new_devices", "camproxy.pairing", "camproxy.pairing_link"),
    ("camproxy.enrolment",),
    ("camproxy.bootstrap", "camproxy.serving", "camproxy.tls", "camproxy.worker", "camproxy.watchdog"),
    ("camproxy.eventlet_server",),
    ("camproxy.web",),
    ("app",),
)
#: What these may not know, themselves or through what they import.
WITHOUT = {
    "camproxy.links": ("flask", "models", "sqlalchemy"),
    "camproxy.frames": ("flask", "models", "sqlalchemy"),
    "camproxy.control": ("flask", "models", "sqlalchemy"),
    "camproxy.board": ("flask", "models", "sqlalchemy"),
    "camproxy.devices": ("flask", "models", "sqlalchemy"),
    "camproxy.camera": ("flask", "models", "sqlalchemy"),
    "camproxy.motion.watcher": ("flask", "models", "sqlalchemy"),
    "camproxy.motion.worker": ("flask", "models", "sqlalchemy", "time", "datetime"),
    "camproxy.cameras": ("flask", "models", "sqlalchemy"),
    "camproxy.messages": ("flask", "models", "sqlalchemy"),
    "camproxy.device_log": ("flask", "models", "sqlalchemy"),
    "camproxy.updates": ("flask", "models", "sqlalchemy"),
    "camproxy.firmware_store": ("flask", "models", "sqlalchemy"),
    "camproxy.checkup": ("flask", "models", "sqlalchemy"),
    "camproxy.advice": ("flask", "models", "sqlalchemy", "time", "datetime"),
    "camproxy.recording.recorder": ("flask", "models", "sqlalchemy"),
    "camproxy.recording.retention": ("flask", "models", "sqlalchemy", "time", "datetime"),
    "camproxy.copies.directory": ("flask", "models", "sqlalchemy"),
    "camproxy.copies.bucket": ("flask", "models", "sqlalchemy"),
    "camproxy.discovery": ("flask", "models", "sqlalchemy"),
}


def modules() -> dict[str, Path]:
    files = [*PROJECT.glob("camproxy/**/*.py"), PROJECT / "app.py", PROJECT / "models.py"]
    found = {}
    for file in files:
        name = ".".join(file.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
        if ".migrations" not in name:
            found[name] = file
    return found


def imports_of(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are written in full"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def floor_of(module: str) -> int:
    fitting = [
        (len(name), floor)
        for floor, names in enumerate(FLOORS)
        for name in names
        if module == name or (module.startswith(f"{name}.") and name != "camproxy")
    ]
    assert fitting, f"{module} has no floor in the house; see FLOORS"
    return max(fitting)[1]


@pytest.mark.parametrize("module", sorted(modules()))
def test_nobody_looks_up(module: str) -> None:
    known = modules()
    own = floor_of(module)
    for imported in imports_of(known[module]) & set(known):
        assert floor_of(imported) <= own, f"{module} imports {imported}, which is above it"


@pytest.mark.parametrize("package", sorted(WITHOUT))
def test_what_a_part_may_not_know(package: str) -> None:
    known = modules()
    to_see = [name for name in known if name == package or name.startswith(f"{package}.")]
    assert to_see
    seen: set[str] = set()
    while to_see:
        module = to_see.pop()
        seen.add(module)
        imported = imports_of(known[module])
        for forbidden in WITHOUT[package]:
            hits = [name for name in imported if name.split(".")[0].split("_")[0] == forbidden]
            assert not hits, f"{module} imports {hits}"
        to_see += [name for name in imported & set(known) if name not in seen]
