"""Tell whether anything was committed since one last looked."""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from entrepot.db.engine import Database, writing_on
from entrepot.db.types import WriteConnection

P = ParamSpec("P")


class Changes:
    """The number of the database's present state. One thread at a time may ask.

    SQLite counts the commits of all other connections, of this process and of any other
    (`PRAGMA data_version`), so a connection that never writes sees every one. PostgreSQL has no
    such number.

    What is written by `write_aside` does not count. It is committed on a connection of its own,
    whose number does not count its own commits: where the first number has changed and that one
    has not, nothing else was committed.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        # Held out of the pool for good: what another borrower committed on them would not count.
        self._held = database.engine.raw_connection() if database.embedded else None
        self._driver: Any = self._held.driver_connection if self._held is not None else None
        self._aside = database.engine.connect() if database.embedded else None
        self._aside_driver: Any = None
        if self._aside is not None:
            self._aside_driver = self._aside.connection.driver_connection
            self._aside.rollback()
        self._lent = False
        self._seen: tuple[int, int] | None = None
        self._state = 0

    def state(self) -> int | None:
        """A number that stays as long as nothing is committed; None where it is not known.

        A look into memory shared with the writers: some microseconds, and never a wait.
        """
        if self._driver is None:
            return None
        number = _version(self._driver)
        if self._seen is not None and self._seen[0] == number:
            return self._state
        if self._lent:
            return None  # `write_aside` may have changed it, or somebody else
        # Asked after the first one: what that one knows of, this one does too.
        aside = _version(self._aside_driver)
        if self._seen is None or self._seen[1] != aside:
            self._state += 1
        self._seen = number, aside
        return self._state

    def lend(self) -> None:
        """Have the connection of `write_aside` be another thread's until `take_back`."""
        self._lent = True

    def take_back(self) -> None:
        """Have it be the asking thread's again."""
        self._lent = False

    def write_aside(
        self,
        work: Callable[Concatenate[WriteConnection, P], None],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Commit what changes nothing that anybody remembers; between `lend` and `take_back`."""
        if self._aside is None:
            self._database.write(work, *args, **kwargs)
            return
        with writing_on(self._aside) as conn:
            work(conn, *args, **kwargs)

    def close(self) -> None:
        """Give the connections back."""
        if self._held is not None:
            self._driver = None
            self._held.close()
        if self._aside is not None:
            self._aside.close()


def _version(driver: Any) -> int:
    row: tuple[int] = driver.execute("PRAGMA data_version").fetchone()
    return row[0]
