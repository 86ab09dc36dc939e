"""The directory of recordings: nothing overwritten, nothing reached outside of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from camproxy.recording.storage import MARKER, Storage
from tests.clocks import FakeClock
from tests.recording.studio import BERLIN, FOLDER

AT = 1_701_414_900.0  # 2023-12-01, 8:15 in Berlin
DAY = f"{FOLDER}/2023-12-01"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    made = Storage(tmp_path / "recordings", 0, FakeClock())
    made.prepare(used=False)
    assert made.trouble is None
    return made


def create(storage: Storage) -> str:
    made = storage.create(FOLDER, AT, BERLIN)
    os.close(made.descriptor)
    return str(made.path)


def test_each_file_of_an_hour_has_a_number_of_its_own(storage: Storage) -> None:
    assert [create(storage) for _ in range(3)] == [f"{DAY}/08.mp4", f"{DAY}/08-2.mp4", f"{DAY}/08-3.mp4"]
    storage.remove(f"{DAY}/08.mp4")
    assert create(storage) == f"{DAY}/08-4.mp4", "in the order of time"
    assert sorted(storage.walk()) == [f"{DAY}/08-{number}.mp4" for number in (2, 3, 4)]


def test_a_file_is_busy_while_its_writer_has_it(storage: Storage) -> None:
    made = storage.create(FOLDER, AT, BERLIN)
    assert storage.is_busy(str(made.path))
    os.close(made.descriptor)
    assert not storage.is_busy(str(made.path))


def test_only_its_owner_can_read_it(storage: Storage) -> None:
    file = storage.file(create(storage))
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


def test_the_last_of_a_day_takes_its_directory_along(storage: Storage) -> None:
    first, second = create(storage), create(storage)
    storage.remove(first)
    assert (storage.root / DAY).is_dir()
    storage.remove(second)
    assert not (storage.root / DAY).exists()
    storage.remove(second)


def test_a_day_that_goes_while_recordings_are_looked_for_is_in_nobodys_way(storage: Storage) -> None:
    create(storage)
    made = storage.create(FOLDER, AT + 86_400, BERLIN)
    os.close(made.descriptor)
    found = storage.walk()
    assert next(found) == f"{DAY}/08.mp4"
    storage.remove(str(made.path))
    assert list(found) == []


@pytest.mark.parametrize(
    "path", ["../x.mp4", "/etc/passwd", f"{DAY}/../../../x.mp4", f"{DAY}/%2e%2e/08.mp4", MARKER, f"{DAY}/notes.txt", ""]
)
def test_no_other_path_is_read_or_removed(storage: Storage, path: str) -> None:
    for ask in (storage.file, storage.open, storage.remove, storage.quarantine, storage.is_busy):
        with pytest.raises(ValueError, match="no recording"):
            ask(path)


def test_no_link_leads_out_of_it(storage: Storage, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "2023-12-01").mkdir(parents=True)
    (outside / "2023-12-01" / "08.mp4").write_bytes(b"somebody's")
    (storage.root / FOLDER).symlink_to(outside)
    with pytest.raises(ValueError, match="leads elsewhere"):
        storage.remove(f"{DAY}/08.mp4")
    with pytest.raises(OSError, match="directory"):
        storage.open(f"{DAY}/08.mp4")
    assert list(storage.walk()) == []
    (storage.root / FOLDER).unlink()
    path = create(storage)
    storage.file(path).unlink()
    (storage.root / path).symlink_to(outside / "2023-12-01" / "08.mp4")
    with pytest.raises(ValueError, match="leads elsewhere"):
        storage.remove(path)
    with pytest.raises(OSError, match="symbolic links"):
        storage.open(path)
    assert list(storage.walk()) == []
    assert (outside / "2023-12-01" / "08.mp4").read_bytes() == b"somebody's"


def test_what_is_put_aside_twice_is_kept_twice(storage: Storage) -> None:
    for content in (b"one", b"two"):
        path = create(storage)
        assert path == f"{DAY}/08.mp4"
        storage.file(path).write_bytes(content)
        storage.quarantine(path)
    aside = (storage.root / "quarantine" / DAY).iterdir()
    assert sorted(file.read_bytes() for file in aside) == [b"one", b"two"]


def test_without_its_marker_it_is_not_used_and_with_it_again(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "mount", 0, FakeClock())
    storage.prepare(used=True)
    assert storage.trouble == "disk_missing"
    assert not storage.root.exists()
    storage.root.mkdir()
    storage.marker.touch()
    assert storage.look() is None


def test_room_is_kept_free_and_a_little_more_before_it_is_used_again(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.reserve = 1000
    seen = []
    for free in (2000, 1000, 999, 1050, 1100, 1050):
        monkeypatch.setattr(storage, "free", lambda free=free: free)
        seen.append(storage.look())
    assert seen == [None, None, "disk_full", "disk_full", None, None]
