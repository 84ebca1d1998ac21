"""Migrate the database at the start, after a copy of it was made. Refuse a newer database."""

from datetime import datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from entrepot.db.engine import Database, copy_sqlite
from entrepot.errors import StartRefused

ADVISORY_LOCK_ID = 7_162_401_215
"""The PostgreSQL advisory lock that lets one start at a time migrate (any fixed number)."""
UNFINISHED_MOVE = "unfinished_move"
"""The table of a database to which `entrepot admin move` is copying."""
MAX_COPIES = 3
"""Copies of the SQLite database that stay in the data folder; older ones are deleted."""


def migrate(
    database: Database, sqlite_file: Path, now: datetime, moving: bool = False
) -> str | None:
    """Migrate the database to this release; returns the revision that it had, None if it was new.

    A SQLite database with data is first copied to `entrepot.db.before-<revision>-<time>`. Raises
    StartRefused for a database of a newer release, and for an unfinished copy unless `moving`.
    """
    if not moving:
        refuse_unfinished_move(database)
    revision = current_revision(database)
    head = _scripts().get_current_head()
    if revision is not None and revision not in _known_revisions():
        raise StartRefused(
            reason=f"The database is of a newer release (revision {revision}; this one knows "
            f"up to {head}). Install that release, or restore a copy made before it."
        )
    if revision == head:
        return revision
    if revision is not None and database.embedded:
        _copy_database(sqlite_file, revision, now)
    with database.writing() as conn:
        if not database.embedded:
            conn.execute(text("SET LOCAL lock_timeout = '10s'"))
        command.upgrade(_config(conn), "head")
    return revision


def refuse_unfinished_move(database: Database) -> None:
    """Refuse a database that holds half an installation. Raises StartRefused."""
    with database.reading() as conn:
        if not database.embedded and inspect(conn).has_table(UNFINISHED_MOVE):
            raise StartRefused(
                reason="The database holds an unfinished copy of an installation. Run `entrepot "
                "admin move` again, with the same --data and --to: it continues. Nothing was "
                "changed."
            )


def current_revision(database: Database) -> str | None:
    """The database's revision; None if it does not have our tables."""
    with database.reading() as conn:
        if not inspect(conn).has_table("alembic_version"):
            return None
        return MigrationContext.configure(conn).get_current_revision()


def head_revision() -> str | None:
    """The newest revision that this release knows."""
    return _scripts().get_current_head()


def _copy_database(sqlite_file: Path, revision: str, now: datetime) -> None:
    """Copy with SQLite's own backup (consistent with its WAL); complete before it gets its name."""
    target = sqlite_file.with_name(
        f"{sqlite_file.name}.before-{revision}-{now.strftime('%Y%m%dT%H%M%SZ')}"
    )
    draft = target.with_name(target.name + ".part")
    copy_sqlite(sqlite_file, draft)
    draft.replace(target)
    copies = sorted(sqlite_file.parent.glob(f"{sqlite_file.name}.before-*"))
    for path in copies[:-MAX_COPIES]:
        path.unlink()


def _config(conn: Connection | None = None, **attributes: Any) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=conn, **attributes)
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _known_revisions() -> set[str]:
    return {script.revision for script in _scripts().walk_revisions()}
