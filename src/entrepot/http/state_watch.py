"""Follow rows as their state changes: one poll for all followers of a kind in this process.

Polling works alike on both databases and over any number of hosts. It runs only while somebody
follows, quickly while something has moved lately and slowly otherwise; a poll reads a few rows by
their keys, and on SQLite only if anything was committed since the last one.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Generic, TypeVar
from uuid import UUID

import structlog

from entrepot.db.change_counter import ChangeCounter
from entrepot.db.engine import Database
from entrepot.db.types import ReadConnection

log = structlog.get_logger(__name__)

FAST_POLL_SECONDS = 0.02
"""Seconds between polls while something has moved lately."""
SLOW_POLL_SECONDS = 0.25
"""Seconds between polls otherwise."""
ACTIVE_SECONDS = 5.0
"""Seconds for which a movement counts as lately."""

S = TypeVar("S")


class Follower(Generic[S]):
    """One who follows a row; `known_state` is the state that they know."""

    def __init__(self, row_id: UUID, known_state: S) -> None:
        self.row_id = row_id
        self.known_state = known_state
        self.changed = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """Wait for a state other than `known_state`; False after `seconds` without one."""
        try:
            async with asyncio.timeout(seconds):
                await self.changed.wait()
        except TimeoutError:
            return False
        self.changed.clear()
        return True


class StateWatch(Generic[S]):
    """Tells followers of a row that its state is no longer the one they know.

    `read_states` returns the states of the rows with these ids; one that is missing has not
    changed.
    """

    def __init__(
        self,
        database: Database,
        threads: Executor,
        changes: ChangeCounter,
        read_states: Callable[[ReadConnection, list[UUID]], Mapping[UUID, S]],
    ) -> None:
        self._database = database
        self._threads = threads
        self._changes = changes
        self._read_states = read_states
        self._followers: set[Follower[S]] = set()
        self._last_change = 0.0
        self._joined = 0
        self._looked_at: tuple[int, int] | None = None
        self._poller: asyncio.Task[None] | None = None

    @contextmanager
    def follow(self, row_id: UUID, known_state: S) -> Iterator[Follower[S]]:
        """Follow a row for the length of the block."""
        follower = Follower(row_id, known_state)
        self._followers.add(follower)
        self._last_change = time.monotonic()
        self._joined += 1
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    def end(self) -> None:
        """Wake every follower, so that they see that the server is being stopped."""
        for follower in self._followers:
            follower.changed.set()

    async def _poll(self) -> None:
        while self._followers:
            try:
                await self._check_states()
            except Exception:
                log.exception("rows could not be looked at; trying again")
            active = time.monotonic() - self._last_change < ACTIVE_SECONDS
            await asyncio.sleep(FAST_POLL_SECONDS if active else SLOW_POLL_SECONDS)

    async def _check_states(self) -> None:
        # Both are read before the rows: what happens meanwhile is looked at the next time.
        commit = self._changes.state()
        now = (commit, self._joined) if commit is not None else None
        if now is not None and now == self._looked_at:
            return
        row_ids = list({follower.row_id for follower in self._followers})
        loop = asyncio.get_running_loop()
        states = await loop.run_in_executor(
            self._threads, self._database.read, self._read_states, row_ids
        )
        self._looked_at = now
        for follower in self._followers:
            if states.get(follower.row_id, follower.known_state) != follower.known_state:
                self._last_change = time.monotonic()
                follower.changed.set()
