"""Detect whether anything was committed since the last check."""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from entrepot.db.engine import Database, writing_on
from entrepot.db.types import WriteConnection

P = ParamSpec("P")


class ChangeCounter:
    """A number for the database's current state. Only one thread at a time may use it.

    SQLite counts the commits of all other connections, in this process and in others (`PRAGMA
    data_version`), so a connection that never writes sees every commit. PostgreSQL has no such
    number.

    Writes by `write_uncounted` do not count. They are committed on a second connection, whose
    `data_version` does not count its own commits. If the first number has changed and the second
    has not, nothing else was committed.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        # These connections never return to the pool: commits of another borrower would not count.
        self._watcher = database.engine.raw_connection() if database.embedded else None
        self._watcher_driver: Any = (
            self._watcher.driver_connection if self._watcher is not None else None
        )
        self._writer = database.engine.connect() if database.embedded else None
        self._writer_driver: Any = None
        if self._writer is not None:
            self._writer_driver = self._writer.connection.driver_connection
            self._writer.rollback()
        self._is_lent = False
        self._last_versions: tuple[int, int] | None = None
        self._state = 0

    def state(self) -> int | None:
        """A number that stays the same as long as nothing is committed; None if it is not known.

        Reads memory that is shared with the writers: takes some microseconds and never waits.
        """
        if self._watcher_driver is None:
            return None
        watcher_version = _data_version(self._watcher_driver)
        if self._last_versions is not None and self._last_versions[0] == watcher_version:
            return self._state
        if self._is_lent:
            return None  # either `write_uncounted` or another writer changed it
        # Read second: it counts every commit that the first number counts.
        writer_version = _data_version(self._writer_driver)
        if self._last_versions is None or self._last_versions[1] != writer_version:
            self._state += 1
        self._last_versions = watcher_version, writer_version
        return self._state

    def lend_connection(self) -> None:
        """Let another thread use the connection of `write_uncounted` until `return_connection`."""
        self._is_lent = True

    def return_connection(self) -> None:
        """Let only the thread that calls `state` use the connection again."""
        self._is_lent = False

    def write_uncounted(
        self,
        work: Callable[Concatenate[WriteConnection, P], None],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Commit something that no cache holds; between `lend_connection` and
        `return_connection`."""
        if self._writer is None:
            self._database.write(work, *args, **kwargs)
            return
        with writing_on(self._writer) as conn:
            work(conn, *args, **kwargs)

    def close(self) -> None:
        """Give the connections back."""
        if self._watcher is not None:
            self._watcher_driver = None
            self._watcher.close()
        if self._writer is not None:
            self._writer.close()


def _data_version(driver: Any) -> int:
    row: tuple[int] = driver.execute("PRAGMA data_version").fetchone()
    return row[0]
