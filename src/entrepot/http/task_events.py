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

QUICK = 0.02
"""Seconds between polls while something has moved lately."""
SLOW = 0.25
"""Seconds between polls otherwise."""
LATELY = 5.0
"""Seconds for which a movement counts as lately."""


class Follower:
    """One who follows a task; `seen` is the revision that they know."""

    def __init__(self, task_id: UUID, seen: int) -> None:
        self.task_id = task_id
        self.seen = seen
        self.changed = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """Wait for a revision other than `seen`; False after `seconds` without one."""
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
        self._moved = 0.0
        self._poller: asyncio.Task[None] | None = None

    @contextmanager
    def following(self, task_id: UUID, seen: int) -> Iterator[Follower]:
        """Follow a task for the length of the block."""
        follower = Follower(task_id, seen)
        self._followers.add(follower)
        self._moved = time.monotonic()
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
                await self._look()
            except Exception:
                log.exception("tasks could not be looked at; trying again")
            lately = time.monotonic() - self._moved < LATELY
            await asyncio.sleep(QUICK if lately else SLOW)

    async def _look(self) -> None:
        wanted = list({follower.task_id for follower in self._followers})
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, self._database.read, get_revisions, wanted
        )
        for follower in self._followers:
            if found.get(follower.task_id, follower.seen) != follower.seen:
                self._moved = time.monotonic()
                follower.changed.set()
