"""Carry out a comparison of two versions that was asked for: the work of a background task.

Every part may run twice, as in `files.processing.inspect`.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import exists, or_, select, update

from entrepot.blobs.store import BlobId
from entrepot.db.tables import comparisons, files, inspections, tasks, versions
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import BlobMissing
from entrepot.files.processing.inspect import Inspector
from entrepot.inspection.results import Comparison, ComparisonRequest, InspectionCanceled
from entrepot.tasks.records import finish_task, start_task
from entrepot.tasks.runs import Run
from entrepot.texts.json_text import to_json_text

BYTES_REMOVED_DETAIL = "The bytes of one of the two versions were removed meanwhile."


@dataclass(frozen=True)
class Comparer:
    """Runs comparisons with an inspector's means: the queue's workflow for them."""

    inspector: Inspector
    clock: Callable[[], datetime]

    def begin(self, conn: WriteConnection, run_id: UUID, now: datetime) -> Any:
        """Mark the task as running and load what was asked for; None if it has ended."""
        return _begin_comparison(conn, run_id, now)

    def give_up(self, conn: WriteConnection, run_id: UUID, now: datetime) -> None:
        """End a comparison that cannot be done."""
        give_up_comparison(conn, run_id, now)

    def run(self, run: Run, work: Any) -> None:
        """Carry out the task's comparison; once ended, nothing."""
        if work is None:
            return
        try:
            with (
                self.inspector.borrow(BlobId(work.before_id)) as before,
                self.inspector.borrow(BlobId(work.after_id)) as after,
            ):
                comparison = self.inspector.compare(run, _comparison_request(work, before, after))
        except InspectionCanceled:
            run.end(cancel_comparison, run.id, self.clock())
        except BlobMissing:
            if self.inspector.database.read(_both_bytes_kept, run.id):
                raise
            comparison = Comparison("not-compared", BYTES_REMOVED_DETAIL)
            run.end(end_comparison, run.id, comparison, self.clock())
        else:
            run.end(end_comparison, run.id, comparison, self.clock())


def _comparison_request(row: Any, before: Path, after: Path) -> ComparisonRequest:
    return ComparisonRequest(
        path=before,
        other=after,
        file_name=row.name,
        other_name=row.name,
        size=row.total,
        key=tuple(row.key),
        examples=row.examples,
        dialect=row.dialect,
        encoding=row.encoding,
        other_dialect=row.other_dialect,
        other_encoding=row.other_encoding,
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
    query = select(exists().where(comparisons.c.task_id == task_id))
    return bool(conn.scalar(query))


def _begin_comparison(conn: WriteConnection, task_id: UUID, now: datetime) -> Any:
    """Mark the task as running and load what is asked; None if there is nothing to do."""
    if not start_task(conn, task_id, "comparing", now):
        return None
    earlier, later = inspections.alias(), inspections.alias()
    query = (
        select(
            comparisons,
            files.c.name,
            tasks.c.total,
            earlier.c.dialect,
            earlier.c.encoding,
            later.c.dialect.label("other_dialect"),
            later.c.encoding.label("other_encoding"),
        )
        .join(files, files.c.id == comparisons.c.file_id)
        .outerjoin(earlier, earlier.c.version_id == comparisons.c.before_id)
        .outerjoin(later, later.c.version_id == comparisons.c.after_id)
        .join(tasks, tasks.c.id == comparisons.c.task_id)
        .where(comparisons.c.task_id == task_id)
    )
    return conn.execute(query).one()


def end_comparison(
    conn: WriteConnection, task_id: UUID, comparison: Comparison, now: datetime
) -> None:
    """End a comparison with what it found, which is kept as long as both versions are."""
    if comparison.verdict != "compared":
        code = "resource-limit" if comparison.verdict == "resource-limit" else "not-comparable"
        finish_task(conn, task_id, "failed", now, {"code": code, "detail": comparison.detail})
        return
    if not finish_task(conn, task_id, "succeeded", now, has_report=True):
        return
    # Whoever purges one of them waits, or is waited for: it clears what was found before.
    either = versions.c.id.in_((comparisons.c.before_id, comparisons.c.after_id))
    compared = select(versions.c.id).join(comparisons, either)
    compared = compared.where(comparisons.c.task_id == task_id)
    conn.execute(compared.with_for_update(read=True, of=versions))
    if _both_bytes_kept(conn, task_id):
        this_comparison = comparisons.c.task_id == task_id
        conn.execute(
            update(comparisons)
            .where(this_comparison)
            .values(result=to_json_text(asdict(comparison)))
        )


def _both_bytes_kept(conn: ReadConnection, task_id: UUID) -> bool:
    """Whether the bytes of both versions are to stay; what shows them may be kept then."""
    either = versions.c.id.in_((comparisons.c.before_id, comparisons.c.after_id))
    removed = (
        select(versions.c.id)
        .join(comparisons, either)
        .where(comparisons.c.task_id == task_id)
        .where(or_(versions.c.bytes_removed_at.is_not(None), versions.c.status == "withdrawn"))
    )
    return conn.execute(removed).first() is None
