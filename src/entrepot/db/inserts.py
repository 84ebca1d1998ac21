"""Insert a row unless another transaction inserts the same key: one statement decides."""

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

from entrepot.db.types import WriteConnection


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
