"""Check that the bytes of forms are those that triggers have counted."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from entrepot.blobs.store import BlobStore
from entrepot.db.tables import ALL_ACCOUNTS, derivative_changes, derivatives
from entrepot.db.types import ReadConnection
from entrepot_client.counts import counted


def derivatives_are_counted(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """What is counted of an account's forms, and of all forms, is the sum of their bytes."""
    del store, now
    ready = (
        derivatives.c.status == "ready",
        derivatives.c.blob_id != derivatives.c.version_id,
    )
    of_account = select(derivatives.c.account_id, func.sum(derivatives.c.size)).where(*ready)
    actual: Counter[UUID] = Counter()
    for row in conn.execute(of_account.group_by(derivatives.c.account_id)):
        actual[row[0]] += int(row[1])
        actual[ALL_ACCOUNTS] += int(row[1])
    of_changes = select(derivative_changes.c.account_id, func.sum(derivative_changes.c.bytes))
    rows = conn.execute(of_changes.group_by(derivative_changes.c.account_id))
    recorded = {row[0]: int(row[1]) for row in rows}
    for account_id in sorted(actual.keys() | recorded.keys()):
        was, is_ = recorded.get(account_id, 0), actual[account_id]
        if was != is_:
            whose = f"account {account_id}" if account_id != ALL_ACCOUNTS else "all accounts"
            yield f"{whose}: {counted(was, 'byte')} of forms are counted, the sum is {is_}"
