"""Open the database, embedded SQLite or PostgreSQL, and run units of work in transactions."""

import errno
import os
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.pool import QueuePool

from entrepot.db.deadlocks import attempts_at_transaction
from entrepot.db.space import DatabaseSpace, full_as_error
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.settings import Settings
from entrepot.settings.shared import settings_mark

PASSWORD_PARAMETERS = ("password", "sslpassword")
"""Parameters of an address that are passwords (libpq, Parameter Key Words)."""
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

MAX_OVERFLOW = 4
"""Connections beyond the size of a pool that are opened while all of it is in use."""
CONNECTION = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
}
"""Parameters of libpq (seconds; the last one milliseconds): a process that is cut off from
PostgreSQL sees it after 20 s, not after the two hours of TCP. Those in the address prevail."""
FULL = "disk is full"
"""What SQLITE_FULL is in words (sqlite3_errstr)."""
BUSY_TIMEOUT_MS = 30_000
"""Milliseconds that a writer waits for SQLite's write lock."""


def sqlite_module() -> Any:
    """The SQLite binding with the newest library: pysqlite3's, else the standard one.

    The system's SQLite may have the WAL-reset bug (fixed in 3.51.3); pysqlite3 bundles its own. It
    has no wheel for every platform, so `doctor` shows the version in use.
    """
    try:
        import pysqlite3.dbapi2 as module
    except ImportError:
        import sqlite3 as module
    return module


@dataclass(frozen=True)
class Database:
    """One database and its transactions; only this class commits.

    `space` is that of its disk; None where this host cannot tell, as on PostgreSQL.
    """

    engine: Engine
    space: DatabaseSpace | None = None

    @property
    def embedded(self) -> bool:
        """Whether this is SQLite."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[ReadConnection]:
        """A transaction that sees one consistent state and can write nothing."""
        with full_as_error(self.engine), self.engine.connect() as conn:
            if self.embedded:
                yield ReadConnection(conn)
                return
            conn.execution_options(entrepot_reads=True)
            yield ReadConnection(conn)
            # At a rollback psycopg forgets all prepared statements of the connection, and each is
            # planned again: this took half of PostgreSQL's time for a delivery (ADR 0063).
            conn.commit()

    @contextmanager
    def writing(self) -> Iterator[WriteConnection]:
        """A transaction that is committed at the end of the block, or rolled back on an error.

        Raises DatabaseFull if the database has no space for it.
        """
        with full_as_error(self.engine), self.engine.connect() as conn, writing_on(conn) as writing:
            yield writing

    @contextmanager
    def growing(self) -> Iterator[WriteConnection]:
        """Like `writing`, for what adds data: refused before the disk is full, so that reads and
        deletions still work then. Raises StorageFull too."""
        if self.space is not None:
            self.space.require()
        with self.writing() as conn:
            yield conn

    def read(
        self, work: Callable[Concatenate[ReadConnection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run one unit of work that only reads."""
        with self.reading() as conn:
            return work(conn, *args, **kwargs)

    def write(
        self, work: Callable[Concatenate[WriteConnection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run one unit of work and commit it; it is durable when this returns.

        `work` changes nothing but the database: it may run again after a deadlock.
        """
        for attempt in attempts_at_transaction():
            with attempt, self.writing() as conn:
                return work(conn, *args, **kwargs)
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


@contextmanager
def writing_on(conn: Connection) -> Iterator[WriteConnection]:
    """Like `Database.writing`, on a connection without a transaction."""
    hooks: dict[Callable[[WriteConnection, list[Any]], None], list[Any]] = {}
    conn.execution_options(entrepot_writes=True, entrepot_before_commit=hooks)
    with conn.begin():
        writing = WriteConnection(ReadConnection(conn))
        yield writing
        for work, items in hooks.items():
            work(writing, items)


def before_commit(
    conn: WriteConnection, work: Callable[[WriteConnection, list[T]], None], item: T
) -> None:
    """Call `work(conn, items)` once at the end of the transaction, with all items passed for it.

    What it locks is then locked last, and for the shortest time. A transaction that is rolled back
    does not call it.
    """
    conn.get_execution_options()["entrepot_before_commit"].setdefault(work, []).append(item)


def open_database(
    settings: Settings,
    pool_size: int = 4,
    frozen_seconds: float | None = None,
    read_only: bool = False,
) -> Database:
    """Open the configured database; nothing is created or migrated here.

    At most `pool_size + MAX_OVERFLOW` connections are open. A process of a server has
    `frozen_seconds`: PostgreSQL ends a transaction after so long without a statement, and knows the
    process by its settings. A command has none: it may look at every blob in one transaction. With
    `read_only` the file of an embedded database is not changed in any way. Raises `ArgumentError`
    for an address that is none.
    """
    if settings.database is None:
        engine = sqlite_engine(settings.sqlite_file, pool_size, read_only)
        return Database(engine, DatabaseSpace(settings.data, settings.database_reserve))
    url = _postgresql_url(settings.database.get_secret_value())
    arguments: dict[str, Any] = dict(CONNECTION)
    if frozen_seconds is not None:
        arguments["application_name"] = settings_mark(settings)
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=MAX_OVERFLOW,
        hide_parameters=True,
        use_native_hstore=False,
        connect_args={name: value for name, value in arguments.items() if name not in url.query},
    )
    event.listen(engine, "do_connect", _connect_postgresql)
    event.listen(engine, "begin", _begin_postgresql)
    event.listen(engine, "checkout", _require_open)
    if frozen_seconds is not None:
        event.listen(engine, "connect", partial(_end_when_frozen, frozen_seconds))
    return Database(engine)


def _connect_postgresql(_dialect: Any, _record: Any, args: Any, parameters: Any) -> Any:
    # Loaded here: psycopg is a twentieth of each start, which SQLite does not need.
    from entrepot.db.deferring import DeferringConnection

    return DeferringConnection.connect(*args, **parameters, autocommit=True)


def _begin_postgresql(conn: Connection) -> None:
    from entrepot.db.deferring import BEGIN_READING, BEGIN_WRITING

    reads = conn.get_execution_options().get("entrepot_reads")
    driver: Any = conn.connection.driver_connection
    driver.begin(BEGIN_READING if reads else BEGIN_WRITING)


def _require_open(dbapi_conn: Any, _record: Any, _proxy: Any) -> None:
    """Have a connection replaced that the server has ended: between transactions it sends nothing
    else. Looking costs microseconds, where a question and its answer cost a change of processes.
    """
    poll = select.poll()
    poll.register(dbapi_conn.fileno(), select.POLLIN)
    if poll.poll(0):
        raise DisconnectionError("the server has ended the connection")


def _end_when_frozen(seconds: float, dbapi_conn: Any, _record: Any) -> None:
    """Have PostgreSQL end a transaction whose process does nothing: it is stopped, or cut off.

    Else its locks would hold up every other worker, which could not take its work over.
    """
    milliseconds = max(1, int(seconds * 1000))
    with dbapi_conn.cursor() as cursor:
        for name in ("idle_in_transaction_session_timeout", "tcp_user_timeout"):
            cursor.execute(f"SET {name} = {milliseconds}")
    dbapi_conn.commit()


def database_url(settings: Settings) -> str:
    """The address of the configured database, without its password."""
    if settings.database is None:
        return f"sqlite:///{settings.sqlite_file}"
    url = _postgresql_url(settings.database.get_secret_value())
    url = url.set(drivername="postgresql").difference_update_query(PASSWORD_PARAMETERS)
    return url.render_as_string(hide_password=True)


def has_password(address: str) -> bool:
    """Whether the address of a PostgreSQL database contains a password, wherever it may."""
    try:
        url = _postgresql_url(address)
    except ArgumentError:  # whoever opens it says what is wrong
        return False
    return bool(url.password) or any(name in url.query for name in PASSWORD_PARAMETERS)


def _postgresql_url(address: str) -> URL:
    """Raises `ArgumentError` if it is not an address."""
    try:
        return make_url(address).set(drivername="postgresql+psycopg")
    except ValueError:  # of the port, which SQLAlchemy does not report as its own error
        raise ArgumentError("its port is not a number") from None


def sqlite_engine(file: Path, pool_size: int = 4, read_only: bool = False) -> Engine:
    """An engine on one SQLite file: WAL, full sync, foreign keys, explicit transactions.

    Writers begin with BEGIN IMMEDIATE, so that a transaction never fails half-way because of a lock
    that it could have waited for.
    """
    # A connection that may write copies the log into the file when it closes.
    address = f"file:{quote(str(file))}?mode=ro&uri=true" if read_only else str(file)
    engine = create_engine(
        f"sqlite+pysqlite:///{address}",
        module=sqlite_module(),
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=4,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def copy_sqlite(file: Path, target: Path) -> None:
    """Copy a SQLite database with SQLite's own backup, which is consistent while others write.

    Mode 0600. `target` must not be in use. Raises `OSError` if its disk is full.
    """
    target.touch(mode=0o600)
    target.chmod(0o600)
    module = sqlite_module()
    source, copy = module.connect(str(file)), module.connect(str(target))
    try:
        source.backup(copy)
    except module.OperationalError as error:
        if FULL not in str(error):  # of a copy, the driver gives the words alone
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from error
    finally:
        copy.close()
        source.close()


def _prepare_sqlite(dbapi_conn: Any, _record: Any) -> None:
    dbapi_conn.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "temp_store=MEMORY",
    ):
        dbapi_conn.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(conn: Connection) -> None:
    writes = conn.get_execution_options().get("entrepot_writes")
    # On the driver's own connection: this takes a tenth of the time of SQLAlchemy's execute.
    driver: Any = conn.connection.driver_connection
    driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN").close()
