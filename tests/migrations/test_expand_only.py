"""A migration only adds, so that servers of the release before continue while it runs and after it.

Every statement of the revisions after `RELEASED` is recorded on both databases. What
takes something away is done one release later, when no server uses it: its revision is listed in
`CONTRACTING` with that release.
"""

import re
from pathlib import Path

import pytest
from sqlalchemy import event

from entrepot.db.engine import Database
from entrepot.migrations.revisions import known_revisions
from entrepot.migrations.run import upgrade_tables

RELEASED = "0024"
CONTRACTING: dict[str, str] = {}
"""Revisions that take something away, and since which release no server has used it."""
HARMLESS = re.compile(
    r"SELECT|PRAGMA|SET LOCAL|(UPDATE|INSERT INTO) alembic_version|CREATE INDEX", re.IGNORECASE
)
NEW_TABLE = re.compile(r"CREATE TABLE (?!_alembic_tmp_)(\w+)", re.IGNORECASE)
ABOUT_TABLE = re.compile(
    r"(?:ALTER TABLE(?: ONLY)?|CREATE UNIQUE INDEX \w+ ON) (\w+)", re.IGNORECASE
)
FILLS_TABLE = re.compile(r"INSERT INTO (\w+)", re.IGNORECASE)
AFTERWARDS = re.compile(
    r"CREATE TRIGGER \w+ AFTER [^;]* EXECUTE FUNCTION"
    r"|CREATE (TRIGGER \w+ AFTER|FUNCTION) .* (BEGIN .* END)",
    re.IGNORECASE | re.DOTALL,
)
SUMS = {"metadata_changes", "derivative_changes"}
"""Tables of which every release reads the sum alone, so that further rows take nothing away."""
NEW_COLUMN = re.compile(r"ALTER TABLE \w+ ADD COLUMN (.*)", re.IGNORECASE | re.DOTALL)


def breaking(statements: list[str]) -> list[str]:
    """Those that a server of the release before may fail with: on what it knows they take away,
    rename, forbid or change something, or add what its own rows lack."""
    new_tables = {name[1] for each in statements if (name := NEW_TABLE.match(each.strip()))}
    return [each for each in map(str.strip, statements) if not _only_adds(each, new_tables)]


def _only_adds(statement: str, new_tables: set[str]) -> bool:
    if HARMLESS.match(statement) or NEW_TABLE.match(statement):
        return True
    if _fills_new_tables(statement, new_tables):
        return True
    table = ABOUT_TABLE.match(statement)
    if table is not None and table[1] in new_tables:
        return True
    column = NEW_COLUMN.match(statement)
    if column is None:
        return False
    definition = column[1].upper()
    return "NOT NULL" not in definition or "DEFAULT" in definition


def _fills_new_tables(statement: str, new_tables: set[str]) -> bool:
    """Whether it fills new tables and sums alone: now, or by a trigger after a change of others."""
    new_tables = new_tables | SUMS
    filled = FILLS_TABLE.match(statement)
    if filled is not None:
        return filled[1] in new_tables
    trigger = AFTERWARDS.match(statement)
    if trigger is None:
        return False
    body = (trigger[2] or "").removeprefix("BEGIN").removesuffix("END")
    parts = [part.strip() for part in body.split(";")]
    parts = [part for part in parts if part not in ("", "RETURN NULL")]
    return all((fills := FILLS_TABLE.match(part)) and fills[1] in new_tables for part in parts)


def statements_by_revision(database: Database) -> dict[str, list[str]]:
    """What migrating an empty database runs, by the revision that runs it."""
    recorded: list[str] = []

    def record(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        recorded.append(statement)

    event.listen(database.engine, "before_cursor_execute", record)
    with database.writing() as conn:
        upgrade_tables(conn)
    event.remove(database.engine, "before_cursor_execute", record)
    by_revision: dict[str, list[str]] = {}
    begun: list[str] = []
    for statement in recorded:
        begun.append(statement)
        if version := re.search(r"alembic_version.*?'(\d+)'", statement, re.DOTALL):
            by_revision[version[1]] = begun
            begun = []
    return by_revision


@pytest.mark.both_databases
def test_a_server_of_the_release_before_continues(empty: tuple[Database, Path]) -> None:
    database, _ = empty
    by_revision = statements_by_revision(database)
    assert list(by_revision) == list(known_revisions())
    later = {name: each for name, each in by_revision.items() if name > RELEASED}
    faulty = {name: faults for name, each in later.items() if (faults := breaking(each))}
    assert faulty.keys() == CONTRACTING.keys(), faulty


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE files",
        "ALTER TABLE files DROP COLUMN path",
        "ALTER TABLE files RENAME COLUMN path TO address",
        "ALTER TABLE files ALTER COLUMN path SET NOT NULL",
        "ALTER TABLE files ALTER COLUMN path TYPE text",
        "ALTER TABLE files ADD COLUMN note TEXT NOT NULL",
        "ALTER TABLE files ADD CONSTRAINT short CHECK (length(path) < 9)",
        "CREATE UNIQUE INDEX one_path ON files (path)",
        "CREATE TABLE _alembic_tmp_files (id INTEGER)",
        "UPDATE files SET path = lower(path)",
        "CREATE TRIGGER no_path BEFORE INSERT ON files BEGIN SELECT 1; END",
        "CREATE TRIGGER no_path AFTER INSERT ON files BEGIN DELETE FROM others; END",
        "CREATE TRIGGER no_path AFTER INSERT ON files BEGIN INSERT INTO files VALUES (1); END",
        "CREATE FUNCTION no_path() RETURNS trigger AS $$ BEGIN RAISE 'no'; END $$",
        "INSERT INTO files VALUES (1)",
    ],
)
def test_what_takes_something_away_is_noticed(statement: str) -> None:
    assert breaking(["CREATE TABLE others (id INTEGER)", statement]) == [statement]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE files ADD COLUMN note TEXT",
        "ALTER TABLE files ADD COLUMN downloads INTEGER DEFAULT '0' NOT NULL",
        "CREATE INDEX by_path ON files (path)",
        "CREATE UNIQUE INDEX one_name ON others (name)",
        "ALTER TABLE others ADD CONSTRAINT short CHECK (length(name) < 9)",
        "INSERT INTO others SELECT id FROM files",
        "INSERT INTO metadata_changes (bytes) SELECT length(path) FROM files",
        "CREATE TRIGGER noted AFTER INSERT ON files BEGIN INSERT INTO others VALUES (1); END",
        "CREATE FUNCTION noted() RETURNS trigger AS $$ BEGIN INSERT INTO others VALUES (1);"
        " RETURN NULL; END $$",
        "CREATE TRIGGER noted AFTER INSERT ON files FOR EACH ROW EXECUTE FUNCTION noted()",
    ],
)
def test_what_adds_is_allowed(statement: str) -> None:
    assert breaking(["CREATE TABLE others (id INTEGER)", statement]) == []
