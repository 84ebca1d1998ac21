"""Remove bytes that may go, and give their quota back: tombstone first, bytes later.

The row has said since an earlier transaction that its bytes may go (`keep_until`). Then the bytes
go, then one transaction notes it and refunds the quota. Cut off in between, the next run does the
rest, so that `used` is never less than what lies in the store.

A version's derivatives go before its own bytes: first their rows, so that nobody finds them.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, Table, delete, or_, select, union_all, update

from entrepot.accounts.actor import AccountId
from entrepot.blobs.store import BlobId, BlobStore
from entrepot.db.engine import Database
from entrepot.db.tables import (
    checks,
    comparisons,
    derivatives,
    inspections,
    released_blobs,
    versions,
)
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.quotas.reserve import refund

BATCH = 500
HOLDERS = (versions, checks)
"""The tables whose rows name bytes by their own id, count them, and say when they may go."""


def remove_expired_bytes(
    database: Database, store: BlobStore, blob_id: BlobId, clock: Callable[[], datetime]
) -> bool:
    """Remove bytes if their time is over; whether it was done now."""
    if not database.read(_may_go, blob_id, clock()):
        return False
    for derived in database.write(_drop_derivatives, blob_id):
        store.delete(derived)
    store.delete(blob_id)
    return database.write(_note_removed, blob_id, clock())


def remove_released_blobs(database: Database, store: BlobStore) -> int:
    """Remove the blobs that rows have let go; how many."""
    removed = 0
    while batch := database.read(_released_blobs):
        for blob_id in batch:
            store.delete(blob_id)
        database.write(_note_released_removed, batch)
        removed += len(batch)
    return removed


def expired_blobs(conn: ReadConnection, now: datetime) -> list[BlobId]:
    """Bytes that may go now, at most one batch."""
    due = union_all(*(select(held.c.id).where(*_due(held, now)) for held in HOLDERS))
    return [BlobId(row) for row in conn.scalars(due.limit(BATCH))]


def named_bytes(conn: ReadConnection, blob_ids: Iterable[BlobId]) -> set[BlobId]:
    """Those of the blobs that a row names and keeps."""
    # A name that a crash of the machine brought back after its removal was noted is nobody's.
    some = list(blob_ids)
    named = [select(held.c.id).where(held.c.id.in_(some), *kept(held)) for held in HOLDERS]
    named.append(select(derivatives.c.blob_id).where(derivatives.c.blob_id.in_(some)))
    return {BlobId(row) for row in conn.scalars(union_all(*named))}


def kept(held: Table) -> tuple[ColumnElement[bool], ...]:
    """The condition on a row of `held` that it has bytes, and that they are kept."""
    return held.c.size > 0, held.c.bytes_removed_at.is_(None)


def _released_blobs(conn: ReadConnection) -> list[BlobId]:
    return [BlobId(row) for row in conn.scalars(select(released_blobs.c.blob_id).limit(BATCH))]


def _note_released_removed(conn: WriteConnection, blob_ids: list[BlobId]) -> None:
    conn.execute(delete(released_blobs).where(released_blobs.c.blob_id.in_(blob_ids)))


def _due(held: Table, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return held.c.keep_until <= now, *kept(held)


def _may_go(conn: ReadConnection, blob_id: BlobId, now: datetime) -> bool:
    due = (select(held.c.id).where(held.c.id == blob_id, *_due(held, now)) for held in HOLDERS)
    return conn.scalar(union_all(*due)) is not None


def _drop_derivatives(conn: WriteConnection, version_id: BlobId) -> list[BlobId]:
    """Forget the version's derivatives; the blobs that held them, which are nobody's now."""
    mine = derivatives.c.version_id == version_id
    held = derivatives.c.blob_id.is_not(None), derivatives.c.blob_id != version_id
    blobs = [BlobId(row) for row in conn.scalars(select(derivatives.c.blob_id).where(mine, *held))]
    conn.execute(delete(derivatives).where(mine))
    return blobs


def _forget_content(conn: WriteConnection, version_id: BlobId) -> None:
    """What was found in a deleted version shows what was in it, so it goes with the bytes; a
    comparison does in any case."""
    deleted = versions.c.id == version_id, versions.c.status == "deleted"
    gone = select(versions.c.id).where(*deleted).scalar_subquery()
    conn.execute(delete(inspections).where(inspections.c.version_id == gone))
    compared = or_(comparisons.c.before_id == version_id, comparisons.c.after_id == version_id)
    conn.execute(update(comparisons).where(compared).values(result=None))


def _note_removed(conn: WriteConnection, blob_id: BlobId, now: datetime) -> bool:
    for held in HOLDERS:
        mine = held.c.id == blob_id
        removing = update(held).where(mine, *kept(held)).values(bytes_removed_at=now)
        if conn.execute(removing).rowcount:
            row = conn.execute(select(held.c.account_id, held.c.size).where(mine)).one()
            refund(conn, AccountId(row.account_id), row.size)
            _forget_content(conn, blob_id)
            return True
    return False
