"""Sums that are kept as changes, which triggers write: no transaction waits for another to add one.

A sum is that of the changes of one account. Many changes are replaced by their sum now and then, so
that reading it does not take longer with each.
"""

from uuid import UUID

from sqlalchemy import Table, delete, select

from entrepot.db.inserts import insert_row
from entrepot.db.types import WriteConnection

COMPACT_ROWS = 200
"""Changes of one account that are replaced by their sum."""


def compact_changes(conn: WriteConnection, changes: Table, account_id: UUID) -> None:
    """Replace many changes by one, without waiting for others: what they lock is left to them."""
    same_account = changes.c.account_id == account_id
    query = select(changes.c.id, changes.c.bytes).where(same_account)
    rows = conn.execute(query.limit(COMPACT_ROWS + 1)).all()
    if len(rows) <= COMPACT_ROWS:
        return
    locked = query.limit(COMPACT_ROWS * 4).with_for_update(skip_locked=True)
    rows = conn.execute(locked).all()
    conn.execute(delete(changes).where(changes.c.id.in_([row.id for row in rows])))
    insert_row(conn, changes, account_id=account_id, bytes=sum(int(row.bytes) for row in rows))
