"""Build the parts that every process of one installation shares."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from entrepot.blobs.store import BlobStore
from entrepot.bootstrap.counting_store import count_failures
from entrepot.bootstrap.secret import read_secret
from entrepot.bootstrap.stores import store_location
from entrepot.bootstrap.write_state import WriteState
from entrepot.db.engine import Database, open_database
from entrepot.settings import Settings
from entrepot.tasks.queue import TaskQueue

if TYPE_CHECKING:  # commands of operators do not load the library
    from entrepot.metrics.process_metrics import ProcessMetrics

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Parts:
    """Settings, database, blob store, queue, the secret that keys all hashes, and the clock."""

    settings: Settings
    database: Database
    store: BlobStore
    queue: TaskQueue
    secret: bytes
    clock: Clock
    write_state: WriteState

    def close(self) -> None:
        """Close what holds connections."""
        self.database.close()


def utc_now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


def build_parts(
    settings: Settings,
    clock: Clock = utc_now,
    pool_size: int = 4,
    metrics: "ProcessMetrics | None" = None,
) -> Parts:
    """Open everything that the settings name. The data folder exists and is migrated.

    In a process of the server `metrics` counts what fails in the store. Raises StartRefused if the
    secret is missing.
    """
    # In a process of the server, which holds no transaction open while it does something else.
    frozen_seconds = settings.lease if metrics is not None else None
    database = open_database(settings, pool_size, frozen_seconds)
    store: BlobStore = store_location(settings).open()
    write_state = WriteState()
    if metrics is not None:

        def add_failure(operation: str, error: BaseException) -> None:
            metrics.count_store_error(operation, error)
            write_state.add_failure(operation, error)

        store = count_failures(store, add_failure, write_state.add_commit)
    return Parts(
        settings=settings,
        database=database,
        store=store,
        queue=TaskQueue(database, settings.data / "run"),
        secret=read_secret(settings),
        clock=clock,
        write_state=write_state,
    )
