"""Tell whether anything was committed since one last looked."""

from typing import Any

from entrepot.db.engine import Database


class Changes:
    """The number of the database's present state. One thread at a time may ask.

    SQLite counts the commits of all other connections, of this process and of any other
    (`PRAGMA data_version`), so a connection that never writes sees every one. PostgreSQL has no
    such number.
    """

    def __init__(self, database: Database) -> None:
        # Held out of the pool for good: what another borrower committed on it would not count.
        self._held = database.engine.raw_connection() if database.embedded else None
        self._driver: Any = self._held.driver_connection if self._held is not None else None

    def state(self) -> int | None:
        """A number that stays as long as nothing is committed; None where there is none.

        A look into memory shared with the writers: some microseconds, and never a wait.
        """
        if self._driver is None:
            return None
        row: tuple[int] = self._driver.execute("PRAGMA data_version").fetchone()
        return row[0]

    def close(self) -> None:
        """Give the connection back."""
        if self._held is not None:
            self._driver = None
            self._held.close()
