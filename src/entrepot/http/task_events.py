"""Follow tasks as they change: one poll for all followers of this process.

Polling the tasks' revisions works alike on both databases and over any number of hosts. It runs
only while somebody follows, quickly while something has moved lately and slowly otherwise; a
poll reads a few rows by primary key.
"""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from uuid import UUID

import structlog

from entrepot.db.engine import Database
from entrepot.tasks.records import get_revisions

log = structlog.get_logger(__name__)

FAST_POLL_SECONDS = 0.02
"""Seconds between polls while something has moved lately."""
SLOW_POLL_SECONDS = 0.25
"""Seconds between polls otherwise."""
ACTIVE_SECONDS = 5.0
"""Seconds for which a movement counts as lately."""


class Follower:
    """One who follows a task; `known_revision` is the revision that they know."""

    def __init__(self, task_id: UUID, known_revision: int) -> None:
        self.task_id = task_id
        self.known_revision = known_revision
        self.changed = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """Wait for a revision other than `known_revision`; False after `seconds` without one."""
        try:
            async with asyncio.timeout(seconds):
                await self.changed.wait()
        except TimeoutError:
            return False
        self.changed.clear()
        return True


class TaskWatch:
    """Tells followers of a task that its revision is no longer the one they know."""

    def __init__(self, database: Database, threads: Executor) -> None:
        self._database = database
        self._threads = threads
        self._followers: set[Follower] = set()
        self._last_change = 0.0
        self._poller: asyncio.Task[None] | None = None

    @contextmanager
    def follow(self, task_id: UUID, known_revision: int) -> Iterator[Follower]:
        """Follow a task for the length of the block."""
        follower = Follower(task_id, known_revision)
        self._followers.add(follower)
        self._last_change = time.monotonic()
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
                await self._check_revisions()
            except Exception:
                log.exception("tasks could not be looked at; trying again")
            active = time.monotonic() - self._last_change < ACTIVE_SECONDS
            await asyncio.sleep(FAST_POLL_SECONDS if active else SLOW_POLL_SECONDS)

    async def _check_revisions(self) -> None:
        task_ids = list({follower.task_id for follower in self._followers})
        loop = asyncio.get_running_loop()
        revisions = await loop.run_in_executor(
            self._threads, self._database.read, get_revisions, task_ids
        )
        for follower in self._followers:
            if revisions.get(follower.task_id, follower.known_revision) != follower.known_revision:
                self._last_change = time.monotonic()
                follower.changed.set()
