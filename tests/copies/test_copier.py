"""Copying, to a directory and to a bucket alike: what is there, in which order, after which mishap."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app import create_app
from camproxy.copies import copier as copier_module
from camproxy.copies.copier import LONG, Copier, CopyPolicy
from camproxy.copies.target import CopyFailed, Source, Target
from camproxy.copies.verify import Finding, verify
from camproxy.errors import BadSetting
from tests.copies.archive import FOLDER, Archive, flip
from tests.integration.people import wait_until
from tests.patience import PATIENCE


def new_copier(archive: Archive, place: Target, rate: int = 0, days: int = 0) -> Copier:
    """As after a start; `look` is called by the test."""
    note = archive.root.parent / "recording.copied"
    return Copier(archive.storage, place, CopyPolicy(note, rate, days), archive.clock)


@contextmanager
def running(archive: Archive, place: Target) -> Iterator[Copier]:
    note = archive.root.parent / "recording.copied"
    made = Copier(archive.storage, place, CopyPolicy(note), archive.clock)
    archive.sealer.listeners.append(made.wake)
    made.start()
    try:
        yield made
    finally:
        made.stop()
        made._thread.join(PATIENCE)


def content(place: Target, path: str) -> bytes:
    with place.open(path) as file:
        return file.read()


def found(place: Target) -> Finding:
    (finding,) = verify(place)
    return finding


def test_what_is_finished_is_copied_by_itself_with_its_manifest(archive: Archive, place: Target) -> None:
    with running(archive, place) as copier:
        paths = [archive.record(size) for size in (0, 1, 70_000)]
        wait_until(lambda: copier.state()["copied"] == 3 and place.manifest(FOLDER).count(b"\n") == 3, "it is copied")
        wait_until(lambda: not copier.state()["waiting"], "it knows that")
    assert [content(place, path) for path in paths] == [archive.file(path).read_bytes() for path in paths]
    assert place.manifest(FOLDER) == archive.manifest.read_bytes()
    assert found(place).good
    assert found(place).whole == 3
    assert copier.state() == {
        "target": place.shown,
        "copied": 3,
        "copied_bytes": 70_001,
        "waiting": 0,
        "waiting_bytes": 0,
        "behind_seconds": 0,
        "refused": 0,
        "error": None,
        "failing_since": None,
    }


def test_the_oldest_first_and_not_what_is_not_sealed(archive: Archive, place: Target) -> None:
    paths = [archive.record() for _ in range(4)]
    archive.record(seal=False)
    copied: list[str] = []
    put = place.put
    place.put = lambda source: (copied.append(source.path), put(source))[1]  # type: ignore[method-assign]
    new_copier(archive, place).look()
    assert copied == paths


def test_what_is_there_already_is_not_copied_again(archive: Archive, place: Target) -> None:
    archive.record()
    new_copier(archive, place).look()
    archive.record()
    again = new_copier(archive, place)
    again.look()
    assert again.state()["copied"] == 1
    assert found(place).whole == 2


def test_a_kill_between_file_and_manifest_loses_and_doubles_nothing(archive: Archive, place: Target) -> None:
    path = archive.record()
    place.prepare(used=False)
    place.put(new_copier(archive, place)._source(archive.storage.manifest(FOLDER).live(path)))  # type: ignore[arg-type]
    assert found(place).unknown == [path]
    new_copier(archive, place).look()
    assert found(place).good


def test_nothing_is_deleted_there_unless_asked(archive: Archive, place: Target) -> None:
    first, second = archive.record(), archive.record()
    new_copier(archive, place).look()
    archive.remove(first)
    archive.clock.advance(400 * 86_400)
    new_copier(archive, place).look()
    assert (found(place).whole, found(place).removed, found(place).good) == (2, 1, True)
    new_copier(archive, place, days=300).look()
    assert [name for name, _ in place.names()] == [second, f"{FOLDER}/manifest.jsonl"] or [
        name for name, _ in place.names()
    ] == [f"{FOLDER}/manifest.jsonl", second], "what is here is kept there, however old"
    assert (found(place).whole, found(place).good) == (1, True)


def test_who_removes_before_it_was_copied_is_told_of_it(
    archive: Archive, place: Target, caplog: pytest.LogCaptureFixture
) -> None:
    copier = new_copier(archive, place)
    copier.look()
    path, kept, early = archive.record(), archive.record(), archive.record(seal=False)
    archive.remove(path)
    archive.remove(early)  # before it had its hash
    copier.look()
    copier.look()
    for each in (path, early):
        assert caplog.text.count(f"{each} was removed before it was copied") == 1
    assert [name for name, _ in place.names() if name.endswith("mp4")] == [kept]
    assert found(place).good
    assert copier.alarms() == []


def test_what_was_removed_before_copying_was_set_up_is_no_news(
    archive: Archive, place: Target, caplog: pytest.LogCaptureFixture
) -> None:
    archive.remove(archive.record())
    archive.clock.advance(60)
    new_copier(archive, place).look()
    assert "before it was copied" not in caplog.text


def test_a_file_that_is_not_what_was_recorded_is_not_copied_and_stops_no_other(archive: Archive, place: Target) -> None:
    first, second = archive.record(), archive.record()
    flip(archive.file(first))
    copier = new_copier(archive, place)
    copier.look()
    assert copier.alarms() == [f"not copied: {first} is not what was recorded, and is not copied"]
    assert content(place, second) == archive.file(second).read_bytes()
    assert found(place).missing == [first]
    flip(archive.file(first))  # put right again: from another copy, say
    copier = new_copier(archive, place)
    copier.look()
    assert copier.alarms() == []
    assert found(place).good


def test_what_has_gone_there_is_copied_again(archive: Archive, place: Target) -> None:
    path = archive.record()
    new_copier(archive, place).look()
    place.remove(path)
    assert found(place).missing == [path]
    new_copier(archive, place).look()
    assert found(place).good


def test_a_manifest_that_was_tampered_with_here_does_not_replace_the_one_there(archive: Archive, place: Target) -> None:
    for _ in range(3):
        archive.record()
    copier = new_copier(archive, place)
    copier.look()
    there = place.manifest(FOLDER)
    lines = archive.manifest.read_bytes().splitlines(keepends=True)
    archive.manifest.write_bytes(lines[0] + lines[2])
    archive.record()
    for one in (copier, new_copier(archive, place)):  # while it runs, and after a restart
        one.look()
        assert place.manifest(FOLDER) == there
        (alarm,) = one.alarms()
        assert alarm.startswith(f"not copied: the manifest of {FOLDER}")


def test_another_installation_does_not_mix_with_what_is_there(archive: Archive, place: Target, tmp_path: Path) -> None:
    archive.record()
    new_copier(archive, place).look()
    there = dict(place.names())
    with Archive(tmp_path / "other") as other:
        other.record(7000)
        copier = new_copier(other, place)
        copier.look()
    assert dict(place.names()) == there
    assert "is not the beginning of the one here" in copier.alarms()[0]
    assert found(place).good


class Failing:
    """A place that takes nothing for a while."""

    def __init__(self, place: Target) -> None:
        self._put = place.put
        self.fails = True
        place.put = self.put  # type: ignore[method-assign]

    def put(self, source: Source) -> None:
        if self.fails:
            raise CopyFailed("the cable is out")
        self._put(source)


def test_it_tries_again_ever_more_slowly_and_says_how_far_it_is_behind(
    archive: Archive, place: Target, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(copier_module, "PAUSE", 0.01)
    failing = Failing(place)
    archive.record()
    with running(archive, place) as copier:
        wait_until(lambda: copier.state()["error"], "it fails")
        assert copier.alarms() == [], "not for a short failure"
        archive.clock.advance(LONG + 3 * 3600)
        assert copier.alarms() == ["copies of recordings are behind by 3 hours: the cable is out"]
        state = copier.state()
        assert (state["waiting"], state["waiting_bytes"], state["behind_seconds"]) == (1, 5000, 11_400)
        failing.fails = False
        wait_until(lambda: copier.state()["copied"] == 1 and not copier.state()["error"], "it has copied")
        assert copier.alarms() == []
    assert caplog.text.count("the cable is out") == 1
    assert "are copied to" in caplog.text


def test_a_note_that_is_torn_is_made_anew(archive: Archive, place: Target) -> None:
    archive.record()
    new_copier(archive, place).look()
    note = archive.root.parent / "recording.copied"
    assert json.loads(note.read_text())["target"] == place.shown
    note.write_text(note.read_text()[:20])
    new_copier(archive, place).look()
    assert json.loads(note.read_text())["published"][FOLDER]["length"] == archive.manifest.stat().st_size


def test_copying_keeps_to_its_rate_and_stops_at_once(archive: Archive, place: Target) -> None:
    archive.record(600_000)
    begun = time.monotonic()
    new_copier(archive, place, rate=1_000_000).look()
    assert time.monotonic() - begun > 0.3
    archive.record(600_000)
    slow = Copier(archive.storage, place, CopyPolicy(archive.root.parent / "recording.copied", 1000), archive.clock)
    slow.start()
    wait_until(lambda: slow.state()["waiting"], "it copies")
    slow.stop()
    slow._thread.join(PATIENCE)  # the file would take ten minutes
    assert not slow._thread.is_alive()
    assert len([name for name, _ in place.names()]) == 2, "half a file is no file"


@pytest.mark.parametrize("place", ["recordings", "recordings/copies", "."])
def test_the_recordings_themselves_are_no_place_for_copies(tmp_path: Path, place: str) -> None:
    with pytest.raises(BadSetting, match="the recordings themselves are there"):
        create_app({"DATA_DIR": str(tmp_path), "RECORDING_COPY": str(tmp_path / place)})


def test_without_a_place_it_does_nothing(archive: Archive) -> None:
    copier = Copier(archive.storage, None, CopyPolicy(archive.root.parent / "recording.copied"), archive.clock)
    copier.start()
    assert (copier.state()["target"], copier.alarms()) == (None, [])
    copier.stop()
    assert not copier._thread.is_alive()
