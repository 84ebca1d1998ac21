"""Migrate the database at the start, after a copy of it was put beside; refuse a newer one."""

from datetime import datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from entrepot.db.engine import Database, sqlite_module
from entrepot.errors import StartRefused
from entrepot.tasks.queue import migrate_queue

LOCK = 7_162_401_215
"""The advisory lock that lets one migration run at a time on PostgreSQL (any fixed number)."""
KEPT_COPIES = 3


def migrate(database: Database, sqlite_file: Path, now: datetime) -> str | None:
    """Bring the database to this release's tables; the revision it came from, None if new.

    A SQLite database with data in it is first copied beside (`entrepot.db.before-<revision>`).
    Raises StartRefused for a database of a newer release.
    """
    before = current_revision(database)
    head = _scripts().get_current_head()
    if before is not None and before not in _known():
        raise StartRefused(
            reason=f"The database is of a newer release (revision {before}; this one knows "
            f"up to {head}). Install that release, or restore a copy made before it."
        )
    if before == head:
        migrate_queue(database)
        return before
    if before is not None and database.embedded:
        _copy_beside(sqlite_file, before, now)
    with database.writing() as conn:
        if not database.embedded:
            conn.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
            conn.execute(text("SET LOCAL lock_timeout = '10s'"))
        command.upgrade(_config(conn), "head")
    migrate_queue(database)
    return before


def current_revision(database: Database) -> str | None:
    """The revision that the database is at; None where it has no tables of ours."""
    with database.reading() as conn:
        if not inspect(conn).has_table("alembic_version"):
            return None
        return MigrationContext.configure(conn).get_current_revision()


def head_revision() -> str | None:
    """The newest revision that this release knows."""
    return _scripts().get_current_head()


def _copy_beside(sqlite_file: Path, revision: str, now: datetime) -> None:
    """SQLite's own backup (consistent with its WAL), written whole before it gets its name."""
    target = sqlite_file.with_name(
        f"{sqlite_file.name}.before-{revision}-{now.strftime('%Y%m%dT%H%M%SZ')}"
    )
    draft = target.with_name(target.name + ".part")
    module = sqlite_module()
    source, copy = module.connect(str(sqlite_file)), module.connect(str(draft))
    try:
        source.backup(copy)
    finally:
        copy.close()
        source.close()
    draft.chmod(0o600)
    draft.replace(target)
    copies = sorted(sqlite_file.parent.glob(f"{sqlite_file.name}.before-*"))
    for old in copies[:-KEPT_COPIES]:
        old.unlink()


def _config(conn: Connection | None = None, **attributes: Any) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=conn, **attributes)
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _known() -> set[str]:
    return {script.revision for script in _scripts().walk_revisions()}
