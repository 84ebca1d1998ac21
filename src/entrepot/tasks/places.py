"""The places of one worker: how much runs at once, and what only short work may use."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from entrepot.tasks.schedule import SHORT_SECONDS, FreePlaces, PlaceKind


@dataclass
class Place:
    """A place in use; `since` is when its present run began, on the monotonic clock."""

    kind: PlaceKind
    since: float


@dataclass
class Places:
    """Counts the free places; safe to share between threads."""

    free: FreePlaces
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, kind: PlaceKind) -> Place:
        """Use a free place."""
        with self._lock:
            self._count(kind, -1)
        return Place(kind, self.clock())

    def leave(self, place: Place) -> None:
        """Let others use the place."""
        with self._lock:
            self._count(place.kind, 1)

    def renew(self, place: Place) -> None:
        """The next run of several begins in the place."""
        place.since = self.clock()

    def exceeded(self, place: Place) -> bool:
        """Whether the place's run has to leave it: it is for short work, and the run is not short.

        Where another place is free, the run goes on in that one.
        """
        if place.kind == "general" or self.clock() - place.since <= SHORT_SECONDS:
            return False
        with self._lock:
            if not self.free.general:
                return True
            self._count("general", -1)
            self._count("short", 1)
            place.kind = "general"
        return False

    def _count(self, kind: PlaceKind, change: int) -> None:
        general, short = self.free.general, self.free.short
        if kind == "general":
            self.free = FreePlaces(general + change, short)
        else:
            self.free = FreePlaces(general, short + change)
