"""Remove bytes that may go, and give their quota back: tombstone first, bytes later.

An earlier transaction has recorded in the row that its bytes may go (`keep_until`). Then the bytes
go, then one transaction notes it and refunds the quota. Cut off in between, the next run does the
rest, so that `used` is never less than what lies in the store.

A version's derivatives go before its own bytes: first their rows, so that nobody finds them.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    delete,
    inspect,
    or_,
    select,
    union_all,
    update,
)

from entrepot.accounts.actor import AccountId
from entrepot.blobs.store import BlobId, BlobStore
from entrepot.db.engine import Database
from entrepot.db.tables import (
    checks,
    comparisons,
    derivatives,
    inspections,
    queue_entries,
    released_blobs,
    versions,
)
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.files.versions import GONE_STATUSES
from entrepot.quotas.reserve import refund

BATCH = 500
"""Blobs that are removed before the next transaction notes it: SQLite allows one writer at a
time."""
BYTES_TABLES = (versions, checks)
"""The tables whose rows name bytes by their own id, count them, and say when they may go."""


def remove_expired_bytes(
    database: Database, store: BlobStore, blob_id: BlobId, clock: Callable[[], datetime]
) -> bool:
    """Remove bytes if their time is over; whether it was done now."""
    if not database.read(_is_due, blob_id, clock()):
        return False
    for derived in database.write(delete_derivatives, blob_id):
        store.delete(derived)
    store.delete(blob_id)
    return database.write(_record_removal, blob_id, clock())


def remove_released_blobs(database: Database, store: BlobStore) -> int:
    """Remove the blobs that rows have let go; how many."""
    removed = 0
    while batch := database.read(_released_blobs):
        for blob_id in batch:
            store.delete(blob_id)
        database.write(_delete_released_rows, batch)
        removed += len(batch)
    return removed


def find_expired_blobs(conn: ReadConnection, now: datetime) -> list[BlobId]:
    """Bytes that may go now, at most one batch."""
    query = union_all(
        *(select(table.c.id).where(*_due_condition(table, now)) for table in BYTES_TABLES)
    )
    return [BlobId(row) for row in conn.scalars(query.limit(BATCH))]


def find_named_blobs(conn: ReadConnection, blob_ids: Iterable[BlobId]) -> set[BlobId]:
    """Those of the blobs that a row names and keeps."""
    queries = _queries_of_names(blob_ids).values()
    return {BlobId(row) for row in conn.scalars(union_all(*queries))}


def names_any_blob(conn: ReadConnection, blob_ids: Iterable[BlobId]) -> bool:
    """Whether a row names and keeps one of the blobs; the database may be of an earlier release,
    which lacks some of the tables."""
    tables = inspect(conn).get_table_names()
    queries = _queries_of_names(blob_ids).items()
    return any(conn.scalar(query.limit(1)) for table, query in queries if table in tables)


def _queries_of_names(blob_ids: Iterable[BlobId]) -> dict[str, Select[Any]]:
    """For each table whose rows name blobs: those of the blobs that it names and keeps."""
    # A name that a crash of the machine brought back after its removal was noted is nobody's.
    ids = list(blob_ids)
    queries: dict[str, Select[Any]] = {
        table.name: select(table.c.id).where(table.c.id.in_(ids), *bytes_kept(table))
        for table in BYTES_TABLES
    }
    derived = derivatives.c.blob_id
    return queries | {derivatives.name: select(derived).where(derived.in_(ids))}


def batches_of(blob_ids: list[BlobId]) -> Iterator[list[BlobId]]:
    """The blobs in lists of at most `BATCH`, one for each query."""
    for start in range(0, len(blob_ids), BATCH):
        yield blob_ids[start : start + BATCH]


def delete_derivatives(conn: WriteConnection, version_id: BlobId) -> list[BlobId]:
    """Forget the version's derivatives; the blobs that held them, which are nobody's now."""
    this_version = derivatives.c.version_id == version_id
    # What waits to make one has nothing to make any more; a run that is under way ends by itself.
    runs = select(derivatives.c.run_id).where(this_version)
    conn.execute(delete(queue_entries).where(queue_entries.c.id.in_(runs)))
    # In one statement: a run that names its blob at this moment is waited for, and its blob is had.
    deleted = delete(derivatives).where(this_version).returning(derivatives.c.blob_id)
    return [BlobId(row) for row in conn.scalars(deleted) if row is not None and row != version_id]


def delete_comparisons(conn: WriteConnection, version_id: BlobId) -> None:
    """Forget what comparisons with a version found."""
    compared = or_(comparisons.c.before_id == version_id, comparisons.c.after_id == version_id)
    conn.execute(update(comparisons).where(compared).values(result=None))


def bytes_kept(table: Table) -> tuple[ColumnElement[bool], ...]:
    """The condition on a row of `table` that it has bytes, and that they are kept."""
    return table.c.size > 0, table.c.bytes_removed_at.is_(None)


def _released_blobs(conn: ReadConnection) -> list[BlobId]:
    return [BlobId(row) for row in conn.scalars(select(released_blobs.c.blob_id).limit(BATCH))]


def _delete_released_rows(conn: WriteConnection, blob_ids: list[BlobId]) -> None:
    conn.execute(delete(released_blobs).where(released_blobs.c.blob_id.in_(blob_ids)))


def _due_condition(table: Table, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return table.c.keep_until <= now, *bytes_kept(table)


def _is_due(conn: ReadConnection, blob_id: BlobId, now: datetime) -> bool:
    queries = (
        select(table.c.id).where(table.c.id == blob_id, *_due_condition(table, now))
        for table in BYTES_TABLES
    )
    return conn.scalar(union_all(*queries)) is not None


def _delete_findings(conn: WriteConnection, version_id: BlobId) -> None:
    """What was found in a version that is gone shows what was in it, so it goes with the bytes; a
    comparison does in any case."""
    gone = versions.c.id == version_id, versions.c.status.in_(GONE_STATUSES)
    gone_id = select(versions.c.id).where(*gone).scalar_subquery()
    conn.execute(delete(inspections).where(inspections.c.version_id == gone_id))
    delete_comparisons(conn, version_id)


def _record_removal(conn: WriteConnection, blob_id: BlobId, now: datetime) -> bool:
    for table in BYTES_TABLES:
        this_row = table.c.id == blob_id
        statement = update(table).where(this_row, *bytes_kept(table)).values(bytes_removed_at=now)
        if conn.execute(statement).rowcount:
            row = conn.execute(select(table.c.account_id, table.c.size).where(this_row)).one()
            refund(conn, AccountId(row.account_id), row.size)
            _delete_findings(conn, blob_id)
            return True
    return False
