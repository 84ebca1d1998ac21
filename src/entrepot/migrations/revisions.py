"""Which revision a database has, and which ones this release knows.

Every command compares them, so this does not load Alembic, which takes a tenth of a short command.
"""

from functools import cache
from pathlib import Path

from sqlalchemy import inspect, text

from entrepot.db.engine import Database
from entrepot.errors import StartRefused

UNFINISHED_MOVE = "unfinished_move"
"""The table of a database to which `entrepot admin move` is copying."""


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
        revision: str | None = conn.scalar(text("SELECT version_num FROM alembic_version"))
        return revision


def supported_revision(database: Database) -> str | None:
    """As `current_revision`. Raises StartRefused for a database of a newer release."""
    revision = current_revision(database)
    if revision is not None and revision not in known_revisions():
        raise StartRefused(
            reason=f"The database is of a newer release (revision {revision}; this one knows "
            f"up to {head_revision()}). Install that release, or restore a copy made before it. "
            "Nothing was changed."
        )
    return revision


@cache
def known_revisions() -> tuple[str, ...]:
    """The revisions of this release, the oldest first: each is the number that its script's name
    begins with."""
    scripts = (Path(__file__).parent / "versions").glob("[0-9]*_*.py")
    return tuple(sorted(path.name.partition("_")[0] for path in scripts))


def head_revision() -> str:
    """The newest revision that this release knows."""
    return known_revisions()[-1]
