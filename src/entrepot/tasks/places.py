"""The places of one worker: how much runs at once, and what only short work may use."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from entrepot.tasks.schedule import SHORT_SECONDS, FreePlaces, PlaceKind


class Place:
    """A place in use, for one run or for those of a batch, one after another."""

    def __init__(self, places: "Places", kind: PlaceKind) -> None:
        self.kind: PlaceKind = kind
        self._places = places
        self._taken_at = places.clock()
        self._run_id: UUID | None = None
        self._run_since = 0.0

    def exceeded_by(self, run_id: UUID) -> bool:
        """Whether the run that is worked on has to leave the place: the place is for short work,
        and the run is not short. The time counts from the first call for the run."""
        if run_id != self._run_id:
            self._run_id, self._run_since = run_id, self._places.clock()
        return self._is_needed_since(self._run_since)

    def is_overdue(self) -> bool:
        """Whether the next run of a batch has to wait: all together held the place for too long."""
        return self._is_needed_since(self._taken_at)

    def leave(self) -> None:
        """Let others use the place."""
        self._places.release(self.kind)

    def _is_needed_since(self, began: float) -> bool:
        """Whether the time is over. Where a place for any work is free, the run moves to it."""
        if self.kind == "general" or self._places.clock() - began <= SHORT_SECONDS:
            return False
        if not self._places.move_to_general():
            return True
        self.kind = "general"
        return False


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
