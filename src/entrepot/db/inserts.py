"""Insert a row, or insert it unless another transaction inserts the same key."""

from functools import cache
from typing import Any

from sqlalchemy import Insert, Table, insert
from sqlalchemy.dialects import postgresql, sqlite

from entrepot.db.types import WriteConnection


def insert_row(conn: WriteConnection, target: Table, /, **values: Any) -> None:
    """Insert a row. Values are plain, not SQL: the statement is built once for its table, since to
    build one takes longer than to run it."""
    conn.execute(_insert_into(target), values)


@cache
def _insert_into(target: Table) -> Insert:
    return insert(target)


def upsert_into(dialect: str, target: Table) -> Any:
    """An INSERT of the database's own kind, which has `ON CONFLICT`."""
    return (sqlite.insert if dialect == "sqlite" else postgresql.insert)(target)


def insert_if_absent(conn: WriteConnection, target: Table, **values: Any) -> bool:
    """Insert a row; False, and nothing changes, if its key or a unique value of it is taken.

    On PostgreSQL it waits for a transaction that inserts the same at this moment.
    """
    # RETURNING tells it: the count of such a statement is not known with every driver.
    statement = upsert_into(conn.dialect.name, target).values(**values).on_conflict_do_nothing()
    return conn.execute(statement.returning(*target.primary_key.columns)).first() is not None
