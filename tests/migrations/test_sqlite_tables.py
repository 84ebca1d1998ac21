"""The tables of a new SQLite database, which no step makes, are those that all steps make."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from tests.migrations.test_migrate import NOW

from entrepot.db.engine import Database, open_database
from entrepot.migrations.run import migrate, upgrade_tables
from entrepot.settings import read_settings


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[tuple[Database, Path]]:
    settings = read_settings(data=tmp_path)
    with closing(open_database(settings)) as database:
        yield database, settings.sqlite_file


def contents(database: Database) -> dict[str, Any]:
    """All that is in a database: what is declared, the columns and the rows of each table."""
    with database.reading() as conn:
        query = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
        declared = [tuple(row) for row in conn.execute(text(query))]
        tables = [name for kind, name, _, _ in declared if kind == "table"]
        columns = "SELECT * FROM pragma_table_xinfo(:name)"
        return {
            "declared": [(*names, in_any_order(kind, sql)) for kind, *names, sql in declared],
            "columns": [
                list(map(tuple, conn.execute(text(columns), {"name": name}))) for name in tables
            ],
            # The table that is searched cannot be read; its own tables can.
            "rows": [
                sorted(map(tuple, conn.execute(text(f'SELECT * FROM "{name}"'))))
                for name in tables
                if name != "file_search"
            ],
        }


def in_any_order(kind: str, sql: str | None) -> object:
    """A declaration; of a table, the lines in any order: Alembic, where it makes a table again,
    writes the constraints in another one each time."""
    if kind != "table" or sql is None:
        return sql
    return sorted(line.strip().rstrip(" ,") for line in sql.splitlines())


def test_a_new_database_is_as_the_steps_make_it(
    sqlite: tuple[Database, Path], tmp_path: Path
) -> None:
    """If this fails, run: uv run python tools/sqlite_tables.py"""
    new, file = sqlite
    assert migrate(new, file, NOW) is None
    (tmp_path / "steps").mkdir()
    with closing(open_database(read_settings(data=tmp_path / "steps"))) as database:
        with database.writing() as conn:
            upgrade_tables(conn)
        assert contents(new) == contents(database)


def test_a_database_with_tables_of_others_is_migrated_by_the_steps(
    sqlite: tuple[Database, Path],
) -> None:
    """Its tables were not made for it alone: nothing may be left out because of them."""
    database, file = sqlite
    with database.writing() as conn:
        conn.execute(text("CREATE TABLE notes (note TEXT)"))
    recorded: list[str] = []
    event.listen(
        database.engine,
        "before_cursor_execute",
        lambda c, k, statement, *_: recorded.append(statement),
    )
    assert migrate(database, file, NOW) is None
    assert any(
        "INSERT INTO alembic_version (version_num) VALUES ('0001')" in each for each in recorded
    )
