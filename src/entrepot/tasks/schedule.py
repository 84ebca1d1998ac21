"""Decide what runs next: a pure function of what waits, the free places and the time used so far.

An account alone uses every place. When several wait, the one that used the least time recently goes
first, and within it the sender who did. One place is kept for short work, whatever else runs.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

SHORT_BYTES = 1_048_576
"""Work on at most this many bytes is short: it may use the place that is kept for short work."""
SHORT_SECONDS = 1.0
"""Seconds of CPU that a run may use in the place for short work. Those of the clock say little of
the work where others have the processor."""
SHORT_CLOCK_SECONDS = 10.0
"""Seconds by the clock that a run may hold that place, so that one that sleeps does not keep it."""
SHORT_BATCH_SECONDS = 1.5
"""Seconds by the clock after which a batch in that place begins no other run."""
HALF_LIFE_SECONDS = 30.0
"""Time that was used so long ago counts half."""
FORGOTTEN_SECONDS = 0.001
"""Used time of less counts no more."""
BATCH_ENTRIES = 20
"""Entries that one run takes at most."""
BATCH_SECONDS = 1.0
"""Seconds that a batch takes at most, by the estimate and the pace of the machine."""
SLOWEST_PACE = 6.0
"""Times the estimate, at which a batch has four entries: with fewer it saves little."""
BASE_SECONDS = 0.04
"""Estimate for an entry, whatever its size: measured on small deliveries."""
BYTES_PER_SECOND = 20_000_000
"""Estimate for the rest: bytes that are inspected a second."""

PlaceKind = Literal["general", "short"]
Sender = tuple[UUID, UUID]
"""An account and a user: who caused the work."""


@dataclass(frozen=True)
class WaitingEntry:
    """An entry of the queue that may run now; `size` is bytes. What is `alone` is in no batch."""

    id: UUID
    kind: str
    account_id: UUID
    user_id: UUID
    size: int
    short: bool
    enqueued_at: datetime
    alone: bool = False

    @property
    def sender(self) -> Sender:
        """Who caused it."""
        return self.account_id, self.user_id

    @property
    def estimated_seconds(self) -> float:
        """How long it will probably take."""
        return estimate_seconds(self.size)


@dataclass(frozen=True)
class FreePlaces:
    """The places of a worker in which nothing runs; those for short work take nothing else."""

    general: int
    short: int


@dataclass(frozen=True)
class Assignment:
    """Entries of one sender and one kind that are to run in one place, one after another."""

    place: PlaceKind
    entries: tuple[WaitingEntry, ...]


@dataclass
class UsedTime:
    """Seconds of places that each sender used; what was used earlier counts less."""

    _seconds: dict[Sender, float] = field(default_factory=dict)
    _as_of: float = 0.0

    def add(self, sender: Sender, seconds: float, now: float) -> None:
        """Note that a run of the sender has used a place; `now` is seconds of a steady clock."""
        self._decay(now)
        self._seconds[sender] = self._seconds.get(sender, 0.0) + seconds

    def by_sender(self, now: float) -> dict[Sender, float]:
        """What each sender used recently."""
        self._decay(now)
        return dict(self._seconds)

    def _decay(self, now: float) -> None:
        factor = math.exp2((self._as_of - now) / HALF_LIFE_SECONDS)
        self._as_of = now
        decayed = ((sender, seconds * factor) for sender, seconds in self._seconds.items())
        self._seconds = {
            sender: seconds for sender, seconds in decayed if seconds > FORGOTTEN_SECONDS
        }


@dataclass
class Pace:
    """How long small work takes on this machine, as a multiple of the estimate."""

    factor: float = 1.0

    def note(self, estimated: float, seconds: float) -> None:
        """Note seconds that small work took; what was noted before counts half."""
        latest = (self.factor + seconds / estimated) / 2
        self.factor = min(max(latest, 1.0), SLOWEST_PACE)

    @property
    def batch_seconds(self) -> float:
        """Estimated seconds of a batch that takes `BATCH_SECONDS`."""
        return BATCH_SECONDS / self.factor


def estimate_seconds(size: int) -> float:
    """How long work on this many bytes probably takes, on a machine that nobody else uses."""
    return BASE_SECONDS + size / BYTES_PER_SECOND


def is_short(size: int) -> bool:
    """Whether work on this many bytes is short, as far as that is known before it runs."""
    return size <= SHORT_BYTES


def choose_entries(
    waiting: Iterable[WaitingEntry],
    free: FreePlaces,
    used: dict[Sender, float],
    batched_kinds: frozenset[str] = frozenset(),
    batch_seconds: float = BATCH_SECONDS,
) -> list[Assignment]:
    """What runs in the free places. `used` is seconds, of those running now too.

    Short work takes the place for short work first, so that the others are left for the rest. Short
    entries of a kind in `batched_kinds` and of one sender may run together, if there are more than
    places, for an estimated `batch_seconds`.
    """
    left = sorted(waiting, key=lambda entry: (entry.enqueued_at, entry.id))
    shares = _Shares(used)
    assignments: list[Assignment] = []
    for place in ("short",) * free.short + ("general",) * free.general:
        candidates = [entry for entry in left if entry.short] if place == "short" else left
        if not candidates:
            continue
        first = min(candidates, key=lambda entry: shares.rank(entry.sender))
        unfilled = free.short + free.general - len(assignments)
        chosen: tuple[WaitingEntry, ...] = (first,)
        if first.kind in batched_kinds and first.short and not first.alone:
            chosen = _take_batch(first, left, unfilled, batch_seconds)
        shares.add(first.sender, sum(entry.estimated_seconds for entry in chosen))
        taken = {entry.id for entry in chosen}
        left = [entry for entry in left if entry.id not in taken]
        assignments.append(Assignment("short" if place == "short" else "general", chosen))
    return assignments


def _take_batch(
    first: WaitingEntry, left: Sequence[WaitingEntry], places: int, most_seconds: float
) -> tuple[WaitingEntry, ...]:
    """The entry and those that run with it: its sender's share of what `places` places take."""
    alike = [
        entry
        for entry in left
        if entry.sender == first.sender
        and entry.kind == first.kind
        and entry.short
        and not entry.alone
    ]
    most = min(BATCH_ENTRIES, math.ceil(len(alike) / places))
    chosen, seconds = [first], first.estimated_seconds
    for entry in (entry for entry in alike if entry.id != first.id):
        seconds += entry.estimated_seconds
        if len(chosen) >= most or seconds > most_seconds:
            break
        chosen.append(entry)
    return tuple(chosen)


class _Shares:
    """The time used by each account and each sender, with what was assigned just now."""

    def __init__(self, used: dict[Sender, float]) -> None:
        self._senders: defaultdict[Sender, float] = defaultdict(float, used)
        self._accounts: defaultdict[UUID, float] = defaultdict(float)
        for (account_id, _), seconds in used.items():
            self._accounts[account_id] += seconds

    def rank(self, sender: Sender) -> tuple[float, float]:
        """Who has the least comes first."""
        return self._accounts[sender[0]], self._senders[sender]

    def add(self, sender: Sender, seconds: float) -> None:
        self._senders[sender] += seconds
        self._accounts[sender[0]] += seconds
