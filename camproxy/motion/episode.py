"""Episode: from the first sign that something moves until it has been still for a while."""

from __future__ import annotations

from dataclasses import dataclass, replace

from camproxy.motion.background import Look

#: One picture in which something moves is a moth or a fault; motion is what is still there in the next. Looks.
LOOKS = 2
#: How long it must be still until it is over. Seconds.
STILL = 3.0
#: What lasts longer is told in pieces of this length: a hedge in the wind, an hour of people. Seconds.
LONGEST = 300.0


@dataclass(frozen=True, slots=True)
class Episode:
    """Times in seconds since 1970. `picture` is the number of the frame in which the most moved."""

    begun_at: float
    ended_at: float | None = None
    share: float = 0.0
    box: tuple[float, float, float, float] | None = None
    picture: int = 0


class Episodes:
    """One camera's. Pure: time comes with each look."""

    def __init__(self) -> None:
        self.present: Episode | None = None
        self._in_a_row = 0
        self._first_at = self._last_at = 0.0

    def take(self, look: Look, at: float, picture: int) -> Episode | None:
        """What has become news by this look: an episode that has begun, or one that has ended."""
        if look.moves:
            if not self._in_a_row:
                self._first_at = at
            self._in_a_row += 1
            self._last_at = at
            if self.present is None:
                if self._in_a_row < LOOKS:
                    return None
                self.present = Episode(self._first_at, share=look.share, box=look.box, picture=picture)
                return self.present
            if at - self.present.begun_at >= LONGEST:
                return self.end(at)
            if look.share > self.present.share:
                self.present = replace(self.present, share=look.share, box=look.box, picture=picture)
            return None
        self._in_a_row = 0
        return self.end(at) if self.present and at - self._last_at >= STILL else None

    def end(self, at: float) -> Episode | None:
        """It is over, also when it is not to be watched any more."""
        ended, self.present, self._in_a_row = self.present, None, 0
        return ended and replace(ended, ended_at=min(at, self._last_at + STILL))
