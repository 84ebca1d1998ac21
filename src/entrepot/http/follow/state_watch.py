"""Follow rows as their state changes: nothing is done for a follower until their row changes.

On PostgreSQL the process is notified of changes (`http.follow.change_listener`). It also looks
itself, at all rows that are followed in one query: seldom, since a notification may get lost, and
often while none can come. On SQLite a look costs a query only if anything was committed since the
last one. Nothing is looked at while nobody follows.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager, suppress
from uuid import UUID

import structlog

from entrepot.db.change_counter import ChangeCounter
from entrepot.db.engine import Database
from entrepot.db.types import ReadConnection
from entrepot.tasks.changes import RowState

log = structlog.get_logger(__name__)

NOTIFIED_POLL_SECONDS = 1.0
"""Seconds between looks while notifications come."""
FAST_POLL_SECONDS = 0.02
"""Seconds between looks while none come and something has moved lately."""
SLOW_POLL_SECONDS = 0.25
"""Seconds between looks otherwise."""
ACTIVE_SECONDS = 5.0
"""Seconds for which a movement counts as lately."""
RECENT_CHANGES = 4096
"""Changes that are remembered for those who begin to follow a row after they have read it."""


class Follower:
    """One who follows a row. They know its revision, or, with None, wait for its end alone."""

    def __init__(self, row_id: UUID, known_revision: int | None) -> None:
        self.row_id = row_id
        self.known_revision = known_revision
        self.changed = asyncio.Event()

    def is_new(self, state: RowState) -> bool:
        """Whether the follower is to know of the state."""
        return (
            state.has_ended
            if self.known_revision is None
            else (state.revision != self.known_revision)
        )

    def note(self, has_ended: bool) -> None:
        """Wake the follower for a change, unless they wait for the end and this is none."""
        if has_ended or self.known_revision is not None:
            self.changed.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for a change, as it seems; False after `seconds` without one."""
        try:
            async with asyncio.timeout(seconds):
                await self.changed.wait()
        except TimeoutError:
            return False
        self.changed.clear()
        return True


class StateWatch:
    """Tells followers of a row that it has changed. Used by the event loop's thread alone.

    `read_states` returns the states of the rows with these ids; one that is missing has not
    changed.
    """

    def __init__(
        self,
        database: Database,
        threads: Executor,
        changes: ChangeCounter,
        read_states: Callable[[ReadConnection, list[UUID]], Mapping[UUID, RowState]],
    ) -> None:
        self._database = database
        self._threads = threads
        self._changes = changes
        self._read_states = read_states
        self._followers: dict[UUID, set[Follower]] = {}
        self._recent: OrderedDict[UUID, bool] = OrderedDict()
        self._is_notified = False
        self._look_now = asyncio.Event()
        self._last_change = 0.0
        self._joined = 0
        self._looked_at: tuple[int, int] | None = None
        self._poller: asyncio.Task[None] | None = None

    def follow(self, row_id: UUID, known_revision: int) -> AbstractContextManager[Follower]:
        """Follow a row for the length of the block."""
        return self._follow(Follower(row_id, known_revision))

    def follow_end(self, row_id: UUID) -> AbstractContextManager[Follower]:
        """Follow a row until it has ended, or for the length of the block."""
        return self._follow(Follower(row_id, None))

    @contextmanager
    def _follow(self, follower: Follower) -> Iterator[Follower]:
        row_id = follower.row_id
        self._followers.setdefault(row_id, set()).add(follower)
        self._last_change = time.monotonic()
        self._joined += 1
        if row_id in self._recent:
            follower.note(self._recent[row_id])
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            yield follower
        finally:
            others = self._followers[row_id]
            others.discard(follower)
            if not others:
                del self._followers[row_id]

    def note_change(self, row_id: UUID, has_ended: bool) -> None:
        """Note what a notification says."""
        self._is_notified = True
        self._recent[row_id] = has_ended
        self._recent.move_to_end(row_id)
        if len(self._recent) > RECENT_CHANGES:
            self._recent.popitem(last=False)
        for follower in self._followers.get(row_id, ()):
            follower.note(has_ended)

    def set_notified(self, is_notified: bool) -> None:
        """Note whether notifications come from now on; those of before may be lost."""
        self._is_notified = is_notified
        self._recent.clear()
        if self._followers:
            self._look_now.set()

    def end(self) -> None:
        """Wake every follower, so that they see that the server is being stopped."""
        for followers in self._followers.values():
            for follower in followers:
                follower.changed.set()

    async def _poll(self) -> None:
        while self._followers:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds_to_next_look()):
                    await self._look_now.wait()
            self._look_now.clear()
            try:
                await self._check_states()
            except Exception:
                log.exception("rows could not be looked at; trying again")

    def _seconds_to_next_look(self) -> float:
        if self._is_notified:
            return NOTIFIED_POLL_SECONDS
        active = time.monotonic() - self._last_change < ACTIVE_SECONDS
        return FAST_POLL_SECONDS if active else SLOW_POLL_SECONDS

    async def _check_states(self) -> None:
        # Both are read before the rows: what happens meanwhile is looked at the next time.
        commit = self._changes.state()
        now = (commit, self._joined) if commit is not None else None
        if now is not None and now == self._looked_at:
            return
        row_ids = list(self._followers)
        loop = asyncio.get_running_loop()
        states = await loop.run_in_executor(
            self._threads, self._database.read, self._read_states, row_ids
        )
        self._looked_at = now
        for row_id, state in states.items():
            for follower in self._followers.get(row_id, ()):
                if follower.is_new(state) and not follower.changed.is_set():
                    # Of this no notification came: perhaps none comes at all, as through a pooler
                    # that gives each transaction another session. The next one shows that they do.
                    self._is_notified = False
                    self._last_change = time.monotonic()
                    follower.changed.set()
