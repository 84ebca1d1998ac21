"""Insert a row, or insert it unless another transaction inserts the same key."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Dialect, Executable, Table, bindparam, insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.compiler import SQLCompiler

from entrepot.db.types import WriteConnection


def insert_row(conn: WriteConnection, target: Table, /, **values: Any) -> None:
    """Insert a row. Values are plain, not SQL: the statement is built and compiled once for its
    table and columns, since either takes longer than to run it.

    On PostgreSQL what it raises may be raised by the next statement, or by the commit
    (`db.deferring`).
    """
    compiled = _compile_insert(target, tuple(values), conn.dialect)
    driver: Any = conn.connection.driver_connection
    if hasattr(driver, "defer"):
        driver.defer(compiled.text, compiled.bind(values))
    else:
        conn.exec_driver_sql(compiled.text, compiled.bind(values))


def run_later(conn: WriteConnection, statement: Executable, parameters: dict[str, Any]) -> None:
    """Run a statement that is built once, and whose answer nobody needs; what it raises is raised
    as by `insert_row`."""
    driver: Any = conn.connection.driver_connection
    if hasattr(driver, "defer"):
        compiled = _compile_statement(statement, conn.dialect)
        driver.defer(compiled.text, compiled.bind(parameters))
    else:
        conn.execute(statement, parameters)


def run_after_commit(
    conn: WriteConnection, statement: Executable, parameters: dict[str, Any]
) -> None:
    """On PostgreSQL, run a statement right behind the commit, in a transaction of its own: nothing
    happens if it fails, or if this one is rolled back."""
    driver: Any = conn.connection.driver_connection
    compiled = _compile_statement(statement, conn.dialect)
    driver.run_after_commit(compiled.text, compiled.bind(parameters))


@dataclass(frozen=True)
class _CompiledStatement:
    """A statement as the driver takes it, with the values that it has itself, and how each value
    is passed."""

    text: str
    values: dict[str, Any]
    binds: dict[str, Callable[[Any], Any] | None]

    def bind(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The parameters of a run."""
        values = self.values | parameters
        return {name: to(values[name]) if to else values[name] for name, to in self.binds.items()}


@cache
def _compile_statement(statement: Any, dialect: Dialect) -> _CompiledStatement:
    compiled = statement.compile(dialect=dialect)
    binds = {
        name: bind.type.dialect_impl(dialect).bind_processor(dialect)
        for name, bind in compiled.binds.items()
    }
    return _CompiledStatement(str(compiled), dict(compiled.params), binds)


@dataclass(frozen=True)
class _CompiledInsert:
    """A statement as the driver takes it, and how each value is passed to it."""

    text: str
    columns: tuple[tuple[str, Callable[[Any], Any] | None], ...]
    positional: bool

    def bind(self, values: dict[str, Any]) -> Any:
        """The parameters of a row."""
        bound = {name: to(values[name]) if to else values[name] for name, to in self.columns}
        return tuple(bound.values()) if self.positional else bound


@cache
def _compile_insert(target: Table, names: tuple[str, ...], dialect: Dialect) -> _CompiledInsert:
    statement = insert(target).values({name: bindparam(name) for name in names})
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    columns = []
    for name in compiled.positiontup or names:
        binds = target.c[name].type.dialect_impl(dialect).bind_processor(dialect)
        columns.append((name, binds))
    return _CompiledInsert(str(compiled), tuple(columns), compiled.positional)


def upsert_into(dialect: str, target: Table) -> Any:
    """An INSERT of the database's own kind, which has `ON CONFLICT`."""
    if dialect == "sqlite":
        return sqlite_insert(target)
    # Loaded here: with its drivers it is a fortieth of each start, which SQLite does not need.
    from sqlalchemy.dialects.postgresql import insert as postgresql_insert

    return postgresql_insert(target)


def insert_if_absent(conn: WriteConnection, target: Table, **values: Any) -> bool:
    """Insert a row; False, and nothing changes, if its key or a unique value of it is taken.

    On PostgreSQL it waits for a transaction that inserts the same at this moment.
    """
    # RETURNING tells it: the count of such a statement is not known with every driver.
    statement = upsert_into(conn.dialect.name, target).values(**values).on_conflict_do_nothing()
    return conn.execute(statement.returning(*target.primary_key.columns)).first() is not None
