"""The public record of a task: made, started, moved on, ended.

Every change raises the task's `revision`, which is the id of its event on the stream. Every
function that moves a task says by its result whether it did, so that a second run of the same
work changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NewType
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, func, insert, or_, select, update

from entrepot.db.pages import Position, page_after
from entrepot.db.tables import accounts, checks, files, tasks, users
from entrepot.db.types import ReadConnection, WriteConnection

TaskId = NewType("TaskId", UUID)
Status = Literal["queued", "running", "succeeded", "failed", "canceled"]
ENDED = ("succeeded", "failed", "canceled")


@dataclass(frozen=True)
class Task:
    """One task as it may be shown; `done` and `total` are bytes."""

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
        """Whether nothing will change any more."""
        return self.status in ENDED


@dataclass(frozen=True)
class Viewer:
    """Who asks for tasks: members see their own and those of files they own, admins all.

    Those of a file they see only as long as they may know of the file: `knows` is the condition on
    `files` and `tasks` for that, `named` its parameters.
    """

    user_id: UUID
    account_id: UUID
    is_admin: bool
    knows: ColumnElement[bool]
    named: dict[str, Any]


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
    """Record a task that waits for a worker; `total` is bytes."""
    conn.execute(
        insert(tasks).values(
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
    )


def start_task(conn: WriteConnection, task_id: UUID, stage: str, now: datetime) -> int | None:
    """Mark a task as running; how often it was (more than once if resumed), None if ended."""
    live = and_(tasks.c.id == task_id, tasks.c.status.in_(("queued", "running")))
    changed = conn.execute(
        update(tasks)
        .where(live)
        .values(
            status="running",
            stage=stage,
            started_at=func.coalesce(tasks.c.started_at, now),
            done=0,
            starts=tasks.c.starts + 1,
            revision=tasks.c.revision + 1,
        )
    )
    if not changed.rowcount:
        return None
    starts: int | None = conn.scalar(select(tasks.c.starts).where(tasks.c.id == task_id))
    return starts


def report_progress(
    conn: WriteConnection, task_id: UUID, stage: str, done: int, total: int
) -> None:
    """Note how far a running task is, in bytes; callers do so at most four times a second."""
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
) -> bool:
    """End a task. False if it had ended before; then nothing changes."""
    values: dict[str, Any] = {"status": status, "stage": status, "finished_at": now}
    if status == "succeeded":
        values["done"] = tasks.c.total
    changed = conn.execute(
        update(tasks)
        .where(tasks.c.id == task_id, tasks.c.status.in_(("queued", "running")))
        .values(**values, error=error, has_report=has_report, revision=tasks.c.revision + 1)
    )
    return bool(changed.rowcount)


def lock_task(conn: WriteConnection, task_id: UUID) -> None:
    """Keep a task as it is until the transaction's end: what is read next stays true."""
    # SQLite's writer holds the whole database already and ignores FOR UPDATE.
    conn.execute(select(tasks.c.id).where(tasks.c.id == task_id).with_for_update())


def request_cancel(conn: WriteConnection, task_id: UUID, now: datetime) -> None:
    """Ask the worker that runs a task to stop."""
    conn.execute(
        update(tasks)
        .where(tasks.c.id == task_id, tasks.c.cancel_requested_at.is_(None))
        .values(cancel_requested_at=now, revision=tasks.c.revision + 1)
    )


def cancel_requested(conn: ReadConnection, task_id: UUID) -> bool:
    """Whether somebody asked for the task to stop."""
    asked = select(tasks.c.cancel_requested_at).where(tasks.c.id == task_id)
    return conn.scalar(asked) is not None


def get_task(conn: ReadConnection, viewer: Viewer, task_id: UUID) -> Task | None:
    """One task that the viewer may see, or None."""
    found = _visible(viewer).where(tasks.c.id == task_id)
    row = conn.execute(found, viewer.named).one_or_none()
    return _task(row) if row else None


def list_tasks(
    conn: ReadConnection,
    viewer: Viewer,
    limit: int,
    after: Position | None = None,
    status: Status | None = None,
) -> list[Task]:
    """The newest tasks that the viewer may see; `after` is the last one of the page before."""
    found = _visible(viewer)
    if status is not None:
        found = found.where(tasks.c.status == status)
    page = page_after(found, tasks.c.created_at, tasks.c.id, limit, after, newest_first=True)
    return [_task(row) for row in conn.execute(page, viewer.named)]


def stir_tasks(conn: WriteConnection, file_id: UUID) -> None:
    """Have those who follow a file's tasks look again, since some may not see them any more."""
    live = tasks.c.file_id == file_id, tasks.c.status.in_(("queued", "running"))
    conn.execute(update(tasks).where(*live).values(revision=tasks.c.revision + 1))


def revisions_of(conn: ReadConnection, task_ids: list[UUID]) -> dict[UUID, int]:
    """The present revision of each of these tasks, for those who follow them."""
    found = select(tasks.c.id, tasks.c.revision).where(tasks.c.id.in_(task_ids))
    return {row.id: row.revision for row in conn.execute(found)}


def _visible(viewer: Viewer) -> Any:
    found = (
        select(
            tasks,
            users.c.name.label("user"),
            accounts.c.name.label("account"),
            func.coalesce(files.c.name, checks.c.name).label("file_name"),
        )
        .join(users, users.c.id == tasks.c.user_id)
        .join(accounts, accounts.c.id == users.c.account_id)
        .outerjoin(files, files.c.id == tasks.c.file_id)
        .outerjoin(checks, checks.c.task_id == tasks.c.id)
    )
    # Of a validation that somebody of another account had made, a file's owner sees nothing.
    home = tasks.c.account_id == viewer.account_id
    others = home if viewer.is_admin else and_(home, files.c.owner_id == viewer.user_id)
    known = or_(tasks.c.file_id.is_(None), viewer.knows)
    return found.where(known, or_(tasks.c.user_id == viewer.user_id, others))


def _task(row: Row[Any]) -> Task:
    return Task(
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
        version=row.version,
        error=row.error,
        has_report=row.has_report,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        cancel_requested=row.cancel_requested_at is not None,
        revision=row.revision,
    )
