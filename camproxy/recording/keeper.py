"""Keeper: removes what is not to be kept any more: at set times by age, and at any time by size and for room."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim

from camproxy.clock import Clock
from camproxy.errors import Unavailable
from camproxy.listeners import tell
from camproxy.recording.book import DISK_MISSING
from camproxy.recording.catalogue import Catalogue
from camproxy.recording.modes import CameraRecording
from camproxy.recording.retention import DAY, Kept, Limits, plan
from camproxy.recording.storage import ROOM_AGAIN, Storage

log = logging.getLogger(__name__)

#: How often it looks whether there is room. Seconds.
LOOK_EVERY = 5.0
#: More is made free than has to be, so that it need not be done for each file again.
MORE_ROOM = ROOM_AGAIN + 0.1


class Keeper:
    """Started and stopped by Recordings. Thread-safe. `cleanup` is a cron expression for the clock in `zone`.

    `first` is done in its thread before all else; `removed` is told the number of each recording that is gone. After a
    clean-up by age `forgotten` are told, for each camera by its number, before which moment nothing is kept any more;
    they may take their time.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        storage: Storage,
        limits: Limits,
        cleanup: str,
        zone: ZoneInfo,
        clock: Clock,
        configs: Callable[[], Mapping[int, CameraRecording]],
        first: Callable[[], bool],
        removed: Callable[[int], None],
        forgotten: Iterable[Callable[[dict[int, float]], None]] = (),
    ) -> None:
        self._catalogue = catalogue
        self._storage = storage
        self._limits = limits
        self._cleanup = cleanup
        self._zone = zone
        self._clock = clock
        self._configs = configs
        self._first = first
        self._forgotten = forgotten
        self._removed = removed
        self._due = self._next()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def plan(self, *, by_age: bool = True) -> list[tuple[Kept, str]]:
        """What would go now, and why; nothing does. The dry run."""
        cameras = {
            camera_id: Limits(self._days_of(config), config.bytes or 0) for camera_id, config in self._configs().items()
        }
        return plan(self._catalogue.kept(), self._clock.wall(), self._limits, cameras, self._too_few(), by_age=by_age)

    def clean(self, *, by_age: bool = True) -> int:
        """Remove what is not to be kept. How many files went."""
        gone = 0
        for file, why in self.plan(by_age=by_age):
            if self._stopping.is_set() or self._storage.look() == DISK_MISSING:
                break
            # The row first: a file without a row is found again at the next start, a row without a file is a fright.
            if self._catalogue.forget(file):
                self._removed(file.id)
                try:
                    self._storage.remove(file.path, why, by="retention")
                except (OSError, ValueError) as error:
                    log.error("recordings: %s cannot be removed: %s", file.path, error)
                    continue
                log.info("recordings: removed %s: %s", file.path, why)
                gone += 1
        if by_age:
            now, configs = self._clock.wall(), self._configs()
            days = {number: self._days_of(config) for number, config in configs.items()}
            self._catalogue.forget_gaps(now - max([self._limits.days, *days.values()]) * DAY)
            tell(self._forgotten, {number: now - its * DAY for number, its in days.items()})
        self._storage.look()
        return gone

    def _days_of(self, config: CameraRecording) -> float:
        return self._limits.days if config.days is None else config.days

    def look(self) -> None:
        """Clean if it is due, or needed."""
        if self._clock.wall() >= self._due:
            self._due = self._next()
            self.clean()
        elif self._too_few() or self._too_many():
            self.clean(by_age=False)

    def _next(self) -> float:
        now = datetime.fromtimestamp(self._clock.wall(), self._zone)
        return next(CronSim(self._cleanup, now)).timestamp()

    def _too_few(self) -> int:
        """How many bytes there are too few free."""
        free = self._storage.free()
        return 0 if free >= self._storage.reserve * ROOM_AGAIN else round(self._storage.reserve * MORE_ROOM) - free

    def _too_many(self) -> bool:
        """Whether more is kept than is to be, of all cameras or of one."""
        of_one = {number: config.bytes for number, config in self._configs().items() if config.bytes}
        if not self._limits.bytes and not of_one:
            return False
        sizes = self._catalogue.sizes()
        everything = self._limits.bytes and sum(sizes.values()) > self._limits.bytes
        return bool(everything) or any(sizes.get(number, 0) > most for number, most in of_one.items())

    def _run(self) -> None:
        ready = False
        while not self._stopping.wait(LOOK_EVERY if ready else 0.5):
            try:
                ready = ready or self._first()
                if ready and self._storage.trouble != DISK_MISSING:
                    self.look()
            except Unavailable as error:
                log.warning("recordings could not be cleaned up: %s", error)
            except Exception:
                log.exception("recordings could not be cleaned up")  # the next look tries again
