"""The durable queue: enqueue in the caller's transaction (DBOS on our own database).

The queue is partitioned by account: one account's thousand files never starve the next
account's one, and an account's deliveries are inspected in the order of their arrival.
"""

from pathlib import Path
from typing import Any, Final, Literal
from uuid import UUID

from dbos import DBOS, DBOSClient
from sqlalchemy import Engine, column, create_engine, event, select, table, text
from sqlalchemy.pool import QueuePool

from entrepot.db.engine import BUSY_TIMEOUT_MS, Database, sqlite_module
from entrepot.db.tables import tasks
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.tasks.wake_up import CHANNEL, wake_local

APPLICATION = "entrepot"
QUEUE: Final = "tasks"
LATER: Final = "derivatives"
"""The queue of work that nobody waits for; it has its own place in each worker, so that it
never takes one from an inspection, and is partitioned by account like the other."""
PROTOCOL = "1"
"""The task protocol's number. Raise it only when queued work cannot be done by the new code:
the queue runs work of its own number alone."""
UNENDED = ("ENQUEUED", "PENDING", "DELAYED")
"""The queue's own words for a run that is to come or under way."""


class TaskQueue:
    """Where work is enqueued; a worker (`tasks.worker`) takes it from there."""

    def __init__(self, database: Database, run_folder: Path) -> None:
        self._client = DBOSClient(
            system_database_engine=database.engine, application_name=APPLICATION, lazy=True
        )
        self._embedded = database.embedded
        self._run_folder = run_folder

    def enqueue(
        self,
        conn: WriteConnection,
        workflow: str,
        task_id: UUID,
        account_id: UUID,
        queue: Literal["tasks", "derivatives"] = QUEUE,
    ) -> None:
        """Enqueue one task; it exists once the caller's transaction is committed, else never.

        Without a partition key a partitioned queue would never run it, and say nothing.
        """
        self._client.enqueue_in_transaction(
            conn,
            {
                "queue_name": queue,
                "workflow_name": workflow,
                "workflow_id": str(task_id),
                "app_version": PROTOCOL,
                "queue_partition_key": str(account_id),
            },
            str(task_id),
        )
        if not self._embedded:
            conn.execute(text(f"NOTIFY {CHANNEL}"))

    def wake(self) -> None:
        """Tell the workers of this host, once the transaction is committed."""
        if self._embedded:
            wake_local(self._run_folder)


def stranded_tasks(conn: ReadConnection) -> list[UUID]:
    """Tasks that have not ended although the queue will never run them (again).

    That is a run that ended by an error of the queue itself, or none at all; a task and its
    place in the queue are written in one transaction, so neither is ever ahead.
    """
    live = select(tasks.c.id).where(tasks.c.status.in_(("queued", "running")))
    return dead_runs(conn, list(conn.scalars(live)))


def dead_runs(conn: ReadConnection, waiting: list[UUID]) -> list[UUID]:
    """Those of `waiting` that the queue will never run (again)."""
    if not waiting:
        return []
    schema = "dbos" if conn.dialect.name == "postgresql" else None
    runs = table("workflow_status", column("workflow_uuid"), column("status"), schema=schema)
    found: set[str] = set()
    for start in range(0, len(waiting), 500):
        ids = [str(task_id) for task_id in waiting[start : start + 500]]
        alive = runs.c.workflow_uuid.in_(ids), runs.c.status.in_(UNENDED)
        found |= set(conn.scalars(select(runs.c.workflow_uuid).where(*alive)))
    return [task_id for task_id in waiting if str(task_id) not in found]


def queue_engine(database: Database, sqlite_file: Path) -> Engine:
    """The engine that DBOS itself works with: ours on PostgreSQL, one of its kind on SQLite.

    DBOS's own statements need the driver to begin transactions (`isolation_level`); an engine
    that begins them itself, as ours does, breaks its migrations.
    """
    if not database.embedded:
        return database.engine
    engine = create_engine(
        f"sqlite+pysqlite:///{sqlite_file}",
        module=sqlite_module(),
        poolclass=QueuePool,
        pool_size=4,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def prepare(dbapi_conn: Any, _record: Any) -> None:
        dbapi_conn.isolation_level = "IMMEDIATE"
        for pragma in ("synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
            dbapi_conn.execute(f"PRAGMA {pragma}").close()

    return engine


def migrate_queue(database: Database) -> None:
    """Make or update the queue's own tables; run while nothing else uses the database.

    On SQLite, DBOS opens the file with the standard module's copy of the library. Two copies in
    one process know nothing of each other: when one closes the file, the system drops the
    locks of both, and the last to close removes the log under the other
    (https://sqlite.org/howtocorrupt.html, 2.2). So our connections are closed before.
    """
    database.close()
    url = database.engine.url
    if not database.embedded:
        url = url.set(drivername="postgresql")
    else:
        url = url.set(drivername="sqlite")
    DBOS.migrate(url.render_as_string(hide_password=False))
