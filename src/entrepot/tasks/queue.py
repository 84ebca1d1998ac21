"""The durable queue: enqueue in the caller's transaction (DBOS on our own database).

The queue is partitioned by account. A thousand files of one account never delay the one file of
another, and an account's deliveries are inspected in the order of their arrival.
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
from entrepot.tasks.notify import CHANNEL, wake_local_workers

APPLICATION = "entrepot"
TASK_QUEUE: Final = "tasks"
BACKGROUND_QUEUE: Final = "derivatives"
"""The queue of work that nobody waits for. It has its own slot in each worker, so that it never
takes one from an inspection, and is partitioned by account like the other queue."""
PROTOCOL_VERSION = "1"
"""The version of the task protocol. Raise it only if the new code cannot do queued work: the queue
runs only work of its own version."""
LIVE_RUN_STATUSES = ("ENQUEUED", "PENDING", "DELAYED")
"""DBOS's statuses of a run that is queued or running."""


class TaskQueue:
    """Enqueues work, which a worker (`tasks.worker`) runs."""

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
        queue: Literal["tasks", "derivatives"] = TASK_QUEUE,
    ) -> None:
        """Enqueue one task. It exists once the caller's transaction is committed.

        The partition key is required: without it a partitioned queue never runs the task and
        reports nothing.
        """
        self._client.enqueue_in_transaction(
            conn,
            {
                "queue_name": queue,
                "workflow_name": workflow,
                "workflow_id": str(task_id),
                "app_version": PROTOCOL_VERSION,
                "queue_partition_key": str(account_id),
            },
            str(task_id),
        )
        if not self._embedded:
            conn.execute(text(f"NOTIFY {CHANNEL}"))

    def wake(self) -> None:
        """Wake the workers of this host, once the transaction is committed."""
        if self._embedded:
            wake_local_workers(self._run_folder)


def find_lost_tasks(conn: ReadConnection) -> list[UUID]:
    """Tasks that have not ended although the queue will never run them (again).

    Their run ended with an error of the queue itself, or does not exist. A task and its run are
    written in one transaction, so neither exists without the other.
    """
    query = select(tasks.c.id).where(tasks.c.status.in_(("queued", "running")))
    return find_dead_runs(conn, list(conn.scalars(query)))


def find_dead_runs(conn: ReadConnection, waiting: list[UUID]) -> list[UUID]:
    """The ids in `waiting` that the queue will never run (again)."""
    if not waiting:
        return []
    schema = "dbos" if conn.dialect.name == "postgresql" else None
    runs = table("workflow_status", column("workflow_uuid"), column("status"), schema=schema)
    live_ids: set[str] = set()
    for start in range(0, len(waiting), 500):
        ids = [str(task_id) for task_id in waiting[start : start + 500]]
        conditions = runs.c.workflow_uuid.in_(ids), runs.c.status.in_(LIVE_RUN_STATUSES)
        live_ids |= set(conn.scalars(select(runs.c.workflow_uuid).where(*conditions)))
    return [task_id for task_id in waiting if str(task_id) not in live_ids]


def queue_engine(database: Database, sqlite_file: Path) -> Engine:
    """The engine for DBOS itself: ours on PostgreSQL, a separate one on SQLite.

    DBOS's own statements need the driver to begin transactions (`isolation_level`). An engine that
    begins them itself, like ours, breaks its migrations.
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
    """Create or update the queue's own tables. Run this while nothing else uses the database.

    On SQLite, DBOS opens the file with the standard module's copy of the library. Two copies in one
    process do not coordinate: when one closes the file, the system drops the locks of both, and the
    last to close removes the log under the other (https://sqlite.org/howtocorrupt.html, 2.2). So
    our connections are closed first.
    """
    database.close()
    url = database.engine.url
    if not database.embedded:
        url = url.set(drivername="postgresql")
    else:
        url = url.set(drivername="sqlite")
    DBOS.migrate(url.render_as_string(hide_password=False))
