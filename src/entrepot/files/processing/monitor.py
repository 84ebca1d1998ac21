"""The progress of a task while it is worked on, and whether it is to stop."""

import math
import time
from collections.abc import Collection
from uuid import UUID

from entrepot.db.engine import Database
from entrepot.tasks.records import find_canceled, report_progress
from entrepot.tasks.runs import Run

PROGRESS_SECONDS = 0.25
"""Seconds between two writes of a task's progress."""
CANCEL_POLL_SECONDS = 0.2
"""Seconds between two looks at whether the task is to stop."""


class CancelPoll:
    """Asks at a bounded rate which of some tasks are to stop: first immediately, or, if they have
    just `begun`, after a while, since most of them end before."""

    def __init__(self, database: Database, task_ids: Collection[UUID], begun: bool = False) -> None:
        self._database = database
        self._task_ids = task_ids
        self._last_poll = time.monotonic() if begun else -math.inf
        self._canceled: frozenset[UUID] = frozenset()

    def is_canceled(self, task_id: UUID) -> bool:
        """Whether the task, one of them, is to stop."""
        now = time.monotonic()
        if now - self._last_poll >= CANCEL_POLL_SECONDS:
            self._last_poll = now
            self._canceled = self._database.read(find_canceled, self._task_ids)
        return task_id in self._canceled


class TaskMonitor:
    """Passes progress on, at a bounded rate, and says whether its task is to stop. `poll` asks for
    several tasks together."""

    def __init__(self, database: Database, run: Run, poll: CancelPoll | None = None) -> None:
        self._run = run
        self._last_report = time.monotonic()
        self._poll = poll or CancelPoll(database, [run.id])

    def progress(self, done: int, total: int) -> None:
        """Note how far the task is."""
        now = time.monotonic()
        if now - self._last_report >= PROGRESS_SECONDS:
            self._last_report = now
            self._run.write(report_progress, self._run.id, "inspecting", done, total)

    def canceled(self) -> bool:
        """Whether the task is to stop. Raises as `Run.check` does."""
        self._run.check()
        return self._poll.is_canceled(self._run.id)
