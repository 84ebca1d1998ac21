"""The durable queue: work is enqueued in the caller's transaction, and run by workers.

One table for all of it on SQLite and PostgreSQL (`tasks.claims`), one scheduler
(`tasks.schedule`). The work of an entry and the entry are written in one transaction, and so is
the end of both: neither exists without the other.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from uuid import UUID

from sqlalchemy import TextClause, select, text

from entrepot.db.engine import Database
from entrepot.db.inserts import insert_row, run_after_commit
from entrepot.db.tables import queue_entries, tasks
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.tasks.notify import CHANNEL, wake_local_workers
from entrepot.tasks.schedule import is_short

IDS_PER_QUERY = 500
"""Ids in one statement."""


@dataclass(frozen=True)
class NewEntry:
    """Work for the queue: `id` is its task's or its derivation run's, `kind` its workflow's name.

    The account and the user are who caused it: time is shared between them. `size` is the bytes
    that are to be read. With a `file_id` the work waits for that of the file's lower versions.
    """

    id: UUID
    kind: str
    account_id: UUID
    user_id: UUID
    size: int
    file_id: UUID | None = None
    version: int | None = None


class TaskQueue:
    """Enqueues work, which a worker (`tasks.worker`) runs."""

    def __init__(self, database: Database, run_folder: Path) -> None:
        self._embedded = database.embedded
        self._run_folder = run_folder

    def enqueue(self, conn: WriteConnection, new: NewEntry, now: datetime) -> None:
        """Enqueue work. It exists once the caller's transaction is committed."""
        values = {**vars(new), "short": is_short(new.size), "enqueued_at": now}
        insert_row(conn, queue_entries, **values)
        if not self._embedded:
            run_after_commit(conn, _notify_statement(), {})

    def wake(self) -> None:
        """Wake the workers of this host, once the transaction is committed."""
        if self._embedded:
            wake_local_workers(self._run_folder)


@cache
def _notify_statement() -> TextClause:
    return text(f"NOTIFY {CHANNEL}")


def find_unqueued_tasks(conn: ReadConnection) -> list[UUID]:
    """Tasks that have not ended and are not in the queue, so that no worker ever takes them."""
    query = select(tasks.c.id).where(tasks.c.status.in_(("queued", "running")))
    return find_unqueued(conn, list(conn.scalars(query)))


def find_unqueued(conn: ReadConnection, ids: list[UUID]) -> list[UUID]:
    """The ids of work that are not in the queue."""
    queued: set[UUID] = set()
    for start in range(0, len(ids), IDS_PER_QUERY):
        some = ids[start : start + IDS_PER_QUERY]
        queued |= set(conn.scalars(select(queue_entries.c.id).where(queue_entries.c.id.in_(some))))
    return [work_id for work_id in ids if work_id not in queued]
