"""The places of one worker: how much runs at once, and what only short work may use."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from entrepot.tasks.schedule import (
    SHORT_BATCH_SECONDS,
    SHORT_CLOCK_SECONDS,
    SHORT_SECONDS,
    FreePlaces,
    PlaceKind,
)


class Place:
    """A place in use, for one run or for those of a batch, one after another."""

    def __init__(self, places: "Places", kind: PlaceKind) -> None:
        self.kind: PlaceKind = kind
        self._places = places
        self._taken_at = places.clock()
        self._run_id: UUID | None = None
        self._run_since = 0.0

    def exceeded_by(self, run_id: UUID, cpu_seconds: float) -> Literal["cpu", "clock"] | None:
        """By what the run that is worked on, and has used `cpu_seconds`, has to leave the place:
        the place is for short work, and the run is not short, or had no processor for too long.
        The clock counts from the first call for the run."""
        now = self._places.clock()
        if run_id != self._run_id:
            self._run_id, self._run_since = run_id, now
        if cpu_seconds > SHORT_SECONDS:
            return "cpu" if self._is_for_short_work() else None
        if now - self._run_since > SHORT_CLOCK_SECONDS:
            return "clock" if self._is_for_short_work() else None
        return None

    def is_overdue(self) -> bool:
        """Whether the next run of a batch has to wait: all together held the place for too long."""
        held = self._places.clock() - self._taken_at
        return held > SHORT_BATCH_SECONDS and self._is_for_short_work()

    def leave(self) -> None:
        """Let others use the place."""
        self._places.release(self.kind)

    def _is_for_short_work(self) -> bool:
        """Whether others need the place. Where one for any work is free, the run moves to it."""
        if self.kind == "short" and self._places.move_to_general():
            self.kind = "general"
        return self.kind == "short"


@dataclass
class Places:
    """Counts the free places; safe to share between threads."""

    free: FreePlaces
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, kind: PlaceKind) -> Place | None:
        """Use a free place of this kind; None if a run has moved to the last one meanwhile."""
        with self._lock:
            if not (self.free.general if kind == "general" else self.free.short):
                return None
            self._count(kind, -1)
        return Place(self, kind)

    def release(self, kind: PlaceKind) -> None:
        """A place of this kind is free again."""
        with self._lock:
            self._count(kind, 1)

    def move_to_general(self) -> bool:
        """Exchange the place for short work for one that takes any, if one is free."""
        with self._lock:
            if not self.free.general:
                return False
            self._count("general", -1)
            self._count("short", 1)
        return True

    def _count(self, kind: PlaceKind, change: int) -> None:
        general, short = self.free.general, self.free.short
        if kind == "general":
            self.free = FreePlaces(general + change, short)
        else:
            self.free = FreePlaces(general, short + change)
