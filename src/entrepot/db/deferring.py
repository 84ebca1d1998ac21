"""Connections to PostgreSQL that send statements together, if nobody waits for their answers.

An answer takes a change of processes, and of threads in a process that has several. So a statement
whose answer nobody needs is sent with the next one that somebody waits for, in one pipeline of
libpq (PostgreSQL, 32.5), in the order in which they were run. What one of them raises is raised
there, at the latest by the commit.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
"""By default each statement of a transaction would see another state."""
BEGIN_WRITING = "BEGIN"
MAX_PREPARED = 300
"""Prepared statements of a connection: a server runs fewer different ones often."""
MAX_PREPARED_PARAMETERS = 100
"""Parameters of a statement that may be prepared. One that has more has a list in it, of another
length each time: each length is a statement of its own, whose text psycopg and the server keep."""

Statements = Sequence[tuple[str, Any]]
"""Statements with their parameters."""


class DeferringConnection(psycopg.Connection[Any]):
    """A connection whose transactions begin with `begin`, and which may `defer` statements.

    It is in psycopg's autocommit mode: psycopg would wait for the answer to each `BEGIN`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cursor_factory = DeferringCursor
        self.server_cursor_factory = DeferringServerCursor
        self.prepared_max = MAX_PREPARED
        self._begin: str | None = None
        self._deferred: list[tuple[str, Any]] = []
        self._after_commit: list[tuple[str, Any]] = []

    def begin(self, statement: str) -> None:
        """Begin a transaction with its first statement."""
        self._begin = statement

    def defer(self, statement: str, parameters: Any = None) -> None:
        """Run a statement, at the latest before the next one that is executed."""
        self._deferred.append((statement, parameters))

    def run_after_commit(self, statement: str, parameters: Any = None) -> None:
        """Run a statement behind the next commit, in the same pipeline and a transaction of its
        own. What it raises is ignored: the transaction is committed."""
        self._after_commit.append((statement, parameters))

    def take_deferred(self) -> list[tuple[str, Any]]:
        """What is to be sent before the next statement."""
        taken, self._deferred = self._deferred, []
        if self._begin is not None:
            taken.insert(0, (self._begin, None))
            self._begin = None
        return taken

    def commit(self) -> None:
        """Commit. Raises what a deferred statement raises, and InFailedSqlTransaction if PostgreSQL
        has rolled the transaction back instead."""
        is_needed = bool(self._deferred or self._after_commit)
        if self._begin is not None and not is_needed:
            self._begin = None  # nothing was done in it
            return
        if not is_needed and self.pgconn.transaction_status == TransactionStatus.IDLE:
            return
        following, self._after_commit = self._after_commit, []
        with self.cursor() as cursor:
            assert isinstance(cursor, DeferringCursor)
            try:
                cursor.execute_with("COMMIT", following)
            except psycopg.Error:
                # Who waits for a notification looks without it, and the transaction is committed.
                if cursor.statusmessage != "COMMIT":
                    raise
            if cursor.statusmessage != "COMMIT":
                raise psycopg.errors.InFailedSqlTransaction("the transaction was rolled back")

    def rollback(self) -> None:
        """Roll back, without what was deferred."""
        self._begin = None
        self._deferred.clear()
        self._after_commit.clear()
        super().rollback()

    def send_deferred(self) -> None:
        """Send what was deferred by itself."""
        deferred = self.take_deferred()
        if deferred:
            with self.pipeline():
                run_all(self, deferred)


class DeferringCursor(psycopg.Cursor[Any]):
    """A cursor that runs what was deferred first."""

    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> "DeferringCursor":
        """As `psycopg.Cursor.execute`; raises also what a deferred statement raises."""
        self.execute_with(query, (), params, **kwargs)
        return self

    def execute_with(
        self, query: Any, following: Statements, params: Any = None, **kwargs: Any
    ) -> None:
        """As `execute`, with statements `following` it whose answers nobody needs."""
        connection = self.connection
        assert isinstance(connection, DeferringConnection)
        deferred = connection.take_deferred()
        if not deferred and not following:
            with _unprepared_if_long(connection, params):
                super().execute(query, params, **kwargs)
            return
        try:
            with connection.pipeline():
                run_all(connection, deferred)
                with _unprepared_if_long(connection, params):
                    super().execute(query, params, **kwargs)
                run_all(connection, following)
        except psycopg.errors.PipelineAborted as aborted:
            # Of a statement behind the one that failed; that one's error says what is wrong.
            if isinstance(aborted.__context__, psycopg.Error):
                raise aborted.__context__ from None
            raise

    def executemany(self, *args: Any, **kwargs: Any) -> None:
        """As `psycopg.Cursor.executemany`."""
        connection = self.connection
        assert isinstance(connection, DeferringConnection)
        connection.send_deferred()
        super().executemany(*args, **kwargs)


class DeferringServerCursor(psycopg.ServerCursor[Any]):
    """A cursor of the server's own, which cannot be sent together with other statements."""

    def execute(self, *args: Any, **kwargs: Any) -> "DeferringServerCursor":
        """As `psycopg.ServerCursor.execute`."""
        connection = self.connection
        assert isinstance(connection, DeferringConnection)
        connection.send_deferred()
        super().execute(*args, **kwargs)
        return self


def run_all(connection: DeferringConnection, statements: Statements) -> None:
    """Send statements whose answers nobody needs."""
    for statement, parameters in statements:
        psycopg.Cursor(connection).execute(statement, parameters)


@contextmanager
def _unprepared_if_long(connection: DeferringConnection, parameters: Any) -> Iterator[None]:
    """Keep a statement with many parameters out of what is counted and prepared."""
    if parameters is None or len(parameters) <= MAX_PREPARED_PARAMETERS:
        yield
        return
    threshold, connection.prepare_threshold = connection.prepare_threshold, None
    try:
        yield
    finally:
        connection.prepare_threshold = threshold
