"""Migrate the database at the start, after a copy of it was made. Refuse a newer database.

An empty SQLite database gets its tables from `sqlite_tables.sql`, which has what all steps together
make: Alembic and the steps take a fifth of a second of a first start. `tools/sqlite_tables.py`
writes that file, and `tests/migrations/test_sqlite_tables.py` compares both.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from entrepot.blobs.disk_sync import draft_of, sync_folder
from entrepot.db.engine import Database, copy_sqlite
from entrepot.migrations.revisions import current_revision, head_revision, supported_revision

ADVISORY_LOCK_ID = 7_162_401_215
"""The PostgreSQL advisory lock that lets one start at a time migrate (any fixed number)."""
SQLITE_TABLES = Path(__file__).parent / "sqlite_tables.sql"
"""Statements that make the tables of a release, each followed by `END_OF_STATEMENT`."""
END_OF_STATEMENT = ";\n\n"
MAX_COPIES = 3
"""Copies of the SQLite database that stay in the data folder; older ones are deleted."""


def migrate(database: Database, sqlite_file: Path, now: datetime) -> str | None:
    """Migrate the database to this release; returns the revision that it had, None if it was new.

    A SQLite database with data is first copied to `entrepot.db.before-<revision>-<time>`. Raises
    StartRefused for a database of a newer release.
    """
    revision = supported_revision(database)
    head = head_revision()
    if revision == head:
        return revision
    copying: AbstractContextManager[None] = nullcontext()
    if revision is not None and database.embedded:
        copying = _copied_before(database, sqlite_file, revision, now)
    with copying, database.writing() as conn:
        if not database.embedded:
            conn.execute(text("SET LOCAL lock_timeout = '10s'"))
        elif revision is None and not inspect(conn).get_table_names():
            _make_sqlite_tables(conn)
            if conn.scalar(text("SELECT version_num FROM alembic_version")) == head:
                return None
        upgrade_tables(conn)
    return revision


def upgrade_tables(conn: Connection) -> None:
    """Run the steps between the revision of the database and the newest one."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=conn)
    command.upgrade(config, "head")


def _make_sqlite_tables(conn: Connection) -> None:
    # One by one: the driver's `executescript` would commit what has begun.
    for statement in SQLITE_TABLES.read_text().split(END_OF_STATEMENT)[:-1]:
        conn.exec_driver_sql(statement)


@contextmanager
def _copied_before(
    database: Database, sqlite_file: Path, revision: str, now: datetime
) -> Iterator[None]:
    """Keep a copy of the database as it is before the block, which migrates it; none if the
    database has the same revision after an error.

    Otherwise each attempt would leave a copy, and those made before earlier releases would be
    deleted in their favor.
    """
    copy = sqlite_file.with_name(
        f"{sqlite_file.name}.before-{revision}-{now.strftime('%Y%m%dT%H%M%SZ')}"
    )
    draft = draft_of(copy)
    try:
        copy_sqlite(sqlite_file, draft)  # also what its WAL has
        draft.replace(copy)
        sync_folder(copy.parent)  # before the original is changed
        yield
    except BaseException:
        draft.unlink(missing_ok=True)
        with suppress(DBAPIError):  # if nobody knows, the copy stays
            if current_revision(database) == revision:
                copy.unlink(missing_ok=True)
        raise
    copies = sorted(sqlite_file.parent.glob(f"{sqlite_file.name}.before-*"))
    for path in copies[:-MAX_COPIES]:
        path.unlink()
