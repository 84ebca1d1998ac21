"""The public record of a task: created, started, updated, ended.

Every change increments the task's `revision`, which is the id of its event on the stream. Every
function that changes a task returns whether it did, so that a second run of the same work changes
nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, NewType
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Update, and_, bindparam, func, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from entrepot.db.inserts import insert_row
from entrepot.db.locks import lock_rows
from entrepot.db.pages import Position, page_after
from entrepot.db.tables import accounts, checks, files, tasks, users
from entrepot.db.types import ReadConnection, UtcTime, WriteConnection, uuid_parameter
from entrepot.tasks.changes import RowState, note_change

TaskId = NewType("TaskId", UUID)
Status = Literal["queued", "running", "succeeded", "failed", "canceled"]
END_STATUSES = ("succeeded", "failed", "canceled")


@dataclass(frozen=True)
class TaskRecord:
    """One task as the API shows it; `done` and `total` are bytes."""

    id: TaskId
    account_id: UUID
    user_id: UUID
    user_name: str
    kind: str
    status: Status
    stage: str
    done: int
    total: int
    file_id: UUID | None
    file_name: str | None
    path: str | None
    version: int | None
    error: dict[str, Any] | None
    has_report: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested: bool
    revision: int

    @property
    def ended(self) -> bool:
        """Whether the task has reached its final status."""
        return self.status in END_STATUSES


@dataclass(frozen=True)
class StartedTask:
    """A task that runs now, and whether somebody requested to cancel it before."""

    cancel_requested: bool


@dataclass(frozen=True)
class Viewer:
    """Who reads tasks: members see their own and those of files they own, admins see all.

    They see the tasks of a file only while they may see the file: `may_see_file` is the condition
    on `files` and `tasks` for that, `parameters` its parameters. `only_own`: no others.
    """

    user_id: UUID
    account_id: UUID
    is_admin: bool
    may_see_file: ColumnElement[bool]
    parameters: dict[str, Any]
    only_own: bool = False


def create_task(
    conn: WriteConnection,
    task_id: TaskId,
    account_id: UUID,
    user_id: UUID,
    kind: str,
    file_id: UUID | None,
    version: int | None,
    total: int,
    now: datetime,
) -> None:
    """Record a queued task; `total` is bytes."""
    insert_row(
        conn,
        tasks,
        id=task_id,
        account_id=account_id,
        user_id=user_id,
        kind=kind,
        status="queued",
        stage="queued",
        total=total,
        file_id=file_id,
        version=version,
        created_at=now,
    )


def start_task(conn: WriteConnection, task_id: UUID, stage: str, now: datetime) -> bool:
    """Mark a task as running; False if it has ended."""
    return begin_task(conn, task_id, stage, now) is not None


def begin_task(
    conn: WriteConnection, task_id: UUID, stage: str, now: datetime
) -> StartedTask | None:
    """As `start_task`; None if it has ended."""
    parameters = {"of_task": task_id, "new_stage": stage, "now": now}
    row = conn.execute(_start_statement(), parameters).one_or_none()
    if row is None:
        return None
    note_change(conn, task_id)
    return StartedTask(row.cancel_requested_at is not None)


@cache
def _start_statement() -> ReturningUpdate[Any]:
    now = bindparam("now", type_=UtcTime())
    return (
        _unended_statement()
        .values(
            status="running",
            stage=bindparam("new_stage"),
            started_at=func.coalesce(tasks.c.started_at, now),
            done=0,
            revision=tasks.c.revision + 1,
        )
        .returning(tasks.c.cancel_requested_at)
    )


@cache
def _unended_statement() -> Update:
    not_ended = tasks.c.status.in_(("queued", "running"))
    return update(tasks).where(tasks.c.id == uuid_parameter("of_task"), not_ended)


def requeue_task(conn: WriteConnection, task_id: UUID) -> None:
    """Show that a running task waits again; nothing changes for work without a public task."""
    note_change(conn, task_id)
    conn.execute(
        update(tasks)
        .where(tasks.c.id == task_id, tasks.c.status == "running")
        .values(status="queued", stage="queued", done=0, revision=tasks.c.revision + 1)
    )


def report_progress(
    conn: WriteConnection, task_id: UUID, stage: str, done: int, total: int
) -> None:
    """Record the progress of a running task in bytes. Callers do this at most four times a
    second."""
    note_change(conn, task_id)
    conn.execute(
        update(tasks)
        .where(tasks.c.id == task_id, tasks.c.status == "running")
        .values(stage=stage, done=done, total=total, revision=tasks.c.revision + 1)
    )


def finish_task(
    conn: WriteConnection,
    task_id: UUID,
    status: Literal["succeeded", "failed", "canceled"],
    now: datetime,
    error: dict[str, Any] | None = None,
    has_report: bool = False,
    whole: bool = False,
) -> bool:
    """End a task. False if it had already ended; then nothing changes.

    One that succeeded is `done` with all its bytes, and so is one that failed after it had
    inspected the `whole` file; others keep what they reported last.
    """
    values = {"error": error, "has_report": has_report, "finished_at": now}
    statement = _finish_statement(status, whole or status == "succeeded")
    note_change(conn, task_id, has_ended=True)
    return bool(conn.execute(statement, {"of_task": task_id, **values}).rowcount)


@cache
def _finish_statement(status: Literal["succeeded", "failed", "canceled"], whole: bool) -> Update:
    done = tasks.c.total if whole else tasks.c.done
    return _unended_statement().values(
        status=status, stage=status, done=done, revision=tasks.c.revision + 1
    )


def lock_task(conn: WriteConnection, task_id: UUID) -> None:
    """Lock a task until the end of the transaction: what is read next stays true."""
    lock_rows(conn, lambda: select(tasks.c.id).where(tasks.c.id == task_id))


def request_cancel(conn: WriteConnection, task_id: UUID, now: datetime) -> None:
    """Ask the worker that runs a task to stop."""
    note_change(conn, task_id)
    conn.execute(
        update(tasks)
        .where(tasks.c.id == task_id, tasks.c.cancel_requested_at.is_(None))
        .values(cancel_requested_at=now, revision=tasks.c.revision + 1)
    )


def find_canceled(conn: ReadConnection, task_ids: Collection[UUID]) -> frozenset[UUID]:
    """Those of the tasks that somebody requested to cancel."""
    requested = tasks.c.id.in_(task_ids), tasks.c.cancel_requested_at.is_not(None)
    return frozenset(conn.scalars(select(tasks.c.id).where(*requested)))


def get_task(conn: ReadConnection, viewer: Viewer, task_id: UUID) -> TaskRecord | None:
    """One task that the viewer may see, or None."""
    query = _visible_tasks_query(viewer).where(tasks.c.id == task_id)
    row = conn.execute(query, viewer.parameters).one_or_none()
    return _task_from_row(row) if row else None


def filter_visible(conn: ReadConnection, viewer: Viewer, task_ids: list[UUID]) -> set[UUID]:
    """Those of these tasks that the viewer may see."""
    query = _visible_tasks_query(viewer).with_only_columns(tasks.c.id)
    among = query.where(tasks.c.id.in_(task_ids))
    return set(conn.scalars(among, viewer.parameters))


def list_tasks(
    conn: ReadConnection,
    viewer: Viewer,
    limit: int,
    after: Position | None = None,
    status: Status | None = None,
) -> list[TaskRecord]:
    """The newest tasks that the viewer may see. `after` is the last one on the previous page."""
    query = _visible_tasks_query(viewer)
    if status is not None:
        query = query.where(tasks.c.status == status)
    page = page_after(query, tasks.c.created_at, tasks.c.id, limit, after, newest_first=True)
    return [_task_from_row(row) for row in conn.execute(page, viewer.parameters)]


def notify_watchers(conn: WriteConnection, file_id: UUID) -> None:
    """Make the open event streams of a file's tasks check their access again."""
    conditions = tasks.c.file_id == file_id, tasks.c.status.in_(("queued", "running"))
    statement = update(tasks).where(*conditions).values(revision=tasks.c.revision + 1)
    for task_id in conn.scalars(statement.returning(tasks.c.id)).all():
        note_change(conn, task_id)


def get_task_states(conn: ReadConnection, task_ids: list[UUID]) -> dict[UUID, RowState]:
    """The present state of each of these tasks."""
    query = select(tasks.c.id, tasks.c.revision, tasks.c.status).where(tasks.c.id.in_(task_ids))
    return {
        row.id: RowState(row.revision, row.status in END_STATUSES) for row in conn.execute(query)
    }


def _visible_tasks_query(viewer: Viewer) -> Any:
    query = (
        select(
            tasks,
            users.c.name.label("user"),
            accounts.c.name.label("account"),
            func.coalesce(files.c.name, checks.c.name).label("file_name"),
            files.c.path,
        )
        .join(users, users.c.id == tasks.c.user_id)
        .join(accounts, accounts.c.id == users.c.account_id)
        .outerjoin(files, files.c.id == tasks.c.file_id)
        .outerjoin(checks, checks.c.task_id == tasks.c.id)
    )
    # The owner of a file does not see validations that another account requested for it.
    own_account = tasks.c.account_id == viewer.account_id
    managed = (
        own_account if viewer.is_admin else and_(own_account, files.c.owner_id == viewer.user_id)
    )
    visible = or_(tasks.c.file_id.is_(None), viewer.may_see_file)
    own = tasks.c.user_id == viewer.user_id
    return query.where(visible, own if viewer.only_own else or_(own, managed))


def _task_from_row(row: Row[Any]) -> TaskRecord:
    return TaskRecord(
        id=TaskId(row.id),
        account_id=row.account_id,
        user_id=row.user_id,
        user_name=f"{row.account}:{row.user}",
        kind=row.kind,
        status=row.status,
        stage=row.stage,
        done=row.done,
        total=row.total,
        file_id=row.file_id,
        file_name=row.file_name,
        path=row.path,
        version=row.version,
        error=row.error,
        has_report=row.has_report,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        cancel_requested=row.cancel_requested_at is not None,
        revision=row.revision,
    )
