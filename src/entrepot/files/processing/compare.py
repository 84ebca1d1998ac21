"""Carry out a comparison of two versions that was asked for: the work of a background task.

Every part may run twice, as in `files.processing.inspect`.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select, update

from entrepot.blobs.store import BlobId
from entrepot.db.tables import comparisons, files, tasks, versions
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import BlobMissing
from entrepot.files.processing.inspect import MOST_STARTS, Inspector
from entrepot.files.processing.retry import run_with_retries
from entrepot.inspection.results import Comparison, ComparisonRequest, InspectionCanceled
from entrepot.tasks.records import finish_task, start_task

GONE = "The bytes of one of the two versions were removed meanwhile."


@dataclass(frozen=True)
class Comparer:
    """Runs comparisons with an inspector's means; its `run` is the queue's workflow."""

    inspector: Inspector
    clock: Callable[[], datetime]

    def run(self, task_id: UUID) -> None:
        """Carry out the task's comparison; once ended, nothing."""
        write = self.inspector.database.write

        def give_up() -> None:
            write(give_up_comparison, task_id, self.clock())

        run_with_retries(
            "comparison",
            lambda: self._run(task_id),
            give_up,
        )

    def _run(self, task_id: UUID) -> None:
        write = self.inspector.database.write
        row = write(_begin, task_id, self.clock())
        if row is None:
            return
        try:
            found = self.inspector.compare(task_id, self._request(row))
        except InspectionCanceled:
            write(cancel_comparison, task_id, self.clock())
        except BlobMissing:
            if self.inspector.database.read(_both_are_kept, task_id):
                raise
            write(_end, task_id, Comparison("not-compared", GONE), self.clock())
        else:
            write(_end, task_id, found, self.clock())

    def _request(self, row: Any) -> ComparisonRequest:
        return ComparisonRequest(
            path=self.inspector.path(BlobId(row.before_id)),
            other=self.inspector.path(BlobId(row.after_id)),
            file_name=row.name,
            other_name=row.name,
            size=row.total,
            key=tuple(row.key),
            examples=row.examples,
            dialect=row.dialect,
        )


def cancel_comparison(conn: WriteConnection, task_id: UUID, now: datetime) -> bool:
    """End a canceled comparison; False for a task of another kind."""
    if not _is_comparison(conn, task_id):
        return False
    finish_task(conn, task_id, "canceled", now)
    return True


def give_up_comparison(conn: WriteConnection, task_id: UUID, now: datetime) -> bool:
    """End a comparison that cannot be done; False for a task of another kind."""
    if not _is_comparison(conn, task_id):
        return False
    detail = "The comparison could not be run, through no fault of the versions. Ask again."
    finish_task(conn, task_id, "failed", now, {"code": "inspection-failed", "detail": detail})
    return True


def _is_comparison(conn: ReadConnection, task_id: UUID) -> bool:
    found = select(exists().where(comparisons.c.task_id == task_id))
    return bool(conn.scalar(found))


def _begin(conn: WriteConnection, task_id: UUID, now: datetime) -> Any:
    """Mark the task as running and load what is asked; None if there is nothing to do."""
    starts = start_task(conn, task_id, "comparing", now)
    if starts is None:
        return None
    if starts > MOST_STARTS:
        give_up_comparison(conn, task_id, now)
        return None
    found = (
        select(comparisons, files.c.name, files.c.dialect, tasks.c.total)
        .join(files, files.c.id == comparisons.c.file_id)
        .join(tasks, tasks.c.id == comparisons.c.task_id)
        .where(comparisons.c.task_id == task_id)
    )
    return conn.execute(found).one()


def _end(conn: WriteConnection, task_id: UUID, found: Comparison, now: datetime) -> None:
    if found.verdict != "compared":
        code = "resource-limit" if found.verdict == "resource-limit" else "not-comparable"
        finish_task(conn, task_id, "failed", now, {"code": code, "detail": found.detail})
        return
    if finish_task(conn, task_id, "succeeded", now, has_report=True) and _both_are_kept(
        conn, task_id
    ):
        mine = comparisons.c.task_id == task_id
        conn.execute(update(comparisons).where(mine).values(result=asdict(found)))


def _both_are_kept(conn: ReadConnection, task_id: UUID) -> bool:
    """Whether the bytes of both versions are to stay; what shows them may be kept then."""
    either = versions.c.id.in_((comparisons.c.before_id, comparisons.c.after_id))
    gone = (
        select(versions.c.id)
        .join(comparisons, either)
        .where(comparisons.c.task_id == task_id, versions.c.bytes_removed_at.is_not(None))
    )
    return conn.execute(gone).first() is None
