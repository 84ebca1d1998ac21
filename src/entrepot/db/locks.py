"""Lock rows until the end of a transaction, so that what is read next stays true."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Select

from entrepot.db.inserts import run_later
from entrepot.db.types import WriteConnection


def lock_rows(
    conn: WriteConnection, query: Callable[[], Select[Any]], key_share: bool = False
) -> None:
    """Lock the rows that `query()` selects; with `key_share` rows that refer to them need not wait.

    SQLite's writer holds the whole database already, so there it costs nothing: the query is not
    even built. What the locked rows say is read by a later statement: on PostgreSQL this one may
    wait, and sees what was there before it waited.
    """
    if conn.dialect.name != "sqlite":
        conn.execute(query().with_for_update(key_share=key_share))


def lock_rows_later(
    conn: WriteConnection, statement: Callable[[], Select[Any]], parameters: dict[str, Any]
) -> None:
    """As `lock_rows`, by a statement that is built once and locks rows itself. It is sent with the
    next one (`db.deferring`), which therefore sees what was there after the wait."""
    if conn.dialect.name != "sqlite":
        run_later(conn, statement(), parameters)
