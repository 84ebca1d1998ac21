"""Write the statements that make the tables of a new SQLite database, as all steps of the migration
make them. Run `uv run python tools/sqlite_tables.py` after adding a step."""

import tempfile
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, text

from entrepot.db.engine import open_database
from entrepot.migrations.run import END_OF_STATEMENT, SQLITE_TABLES, upgrade_tables
from entrepot.settings import read_settings

MADE = text(
    "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT IN"
    " (SELECT name FROM pragma_table_list WHERE type = 'shadow' OR name = 'sqlite_sequence')"
    " ORDER BY type <> 'table', rowid"
)
"""SQLite makes the others itself: shadow tables with the table that is searched, and what counts
up."""


def statements(conn: Connection) -> str:
    """What makes the tables of a database, and its revision."""
    revision = conn.scalar(text("SELECT version_num FROM alembic_version"))
    made = [*conn.scalars(MADE), f"INSERT INTO alembic_version VALUES ('{revision}')"]  # noqa: S608
    return "".join(each + END_OF_STATEMENT for each in made)


def migrated_statements() -> str:
    """Those of an empty database that all steps have migrated."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_database(read_settings(data=Path(folder)))) as database,
    ):
        with database.writing() as conn:
            upgrade_tables(conn)
        with database.reading() as conn:
            return statements(conn)


if __name__ == "__main__":
    SQLITE_TABLES.write_text(migrated_statements())
