"""Remove bytes that may go, and give their quota back: tombstone first, bytes later.

The row has said since an earlier transaction that its bytes may go (`keep_until`). Then the bytes
go, then one transaction notes it and refunds the quota. Cut off in between, the next run does the
rest, so that `used` is never less than what lies in the store.

A version's derivatives go before its own bytes: first their rows, so that nobody finds them.
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import delete, select, update

from entrepot.accounts.actor import AccountId
from entrepot.blobs.store import BlobId, BlobStore
from entrepot.db.engine import Database
from entrepot.db.tables import derivatives, versions
from entrepot.db.types import Reading, Writing
from entrepot.quotas.reserve import refund

BATCH = 500


def remove_expired_bytes(
    database: Database, store: BlobStore, blob_id: BlobId, clock: Callable[[], datetime]
) -> bool:
    """Remove one version's bytes if their time is over; whether it was done now."""
    if not database.read(_may_go, blob_id, clock()):
        return False
    for derived in database.write(_drop_derivatives, blob_id):
        store.delete(derived)
    store.delete(blob_id)
    return database.write(_note_removed, blob_id, clock())


def expired_blobs(conn: Reading, now: datetime) -> list[BlobId]:
    """Versions whose bytes may go now, at most one batch."""
    due = versions.c.keep_until <= now, versions.c.bytes_removed_at.is_(None)
    return [BlobId(row) for row in conn.scalars(select(versions.c.id).where(*due).limit(BATCH))]


def _may_go(conn: Reading, blob_id: BlobId, now: datetime) -> bool:
    due = versions.c.keep_until <= now, versions.c.bytes_removed_at.is_(None)
    return conn.scalar(select(versions.c.id).where(versions.c.id == blob_id, *due)) is not None


def _drop_derivatives(conn: Writing, version_id: BlobId) -> list[BlobId]:
    """Forget the version's derivatives; the blobs that held them, which are nobody's now."""
    mine = derivatives.c.version_id == version_id
    held = derivatives.c.blob_id.is_not(None), derivatives.c.blob_id != version_id
    blobs = [BlobId(row) for row in conn.scalars(select(derivatives.c.blob_id).where(mine, *held))]
    conn.execute(delete(derivatives).where(mine))
    return blobs


def _note_removed(conn: Writing, blob_id: BlobId, now: datetime) -> bool:
    removed = conn.execute(
        update(versions)
        .where(versions.c.id == blob_id, versions.c.bytes_removed_at.is_(None))
        .values(bytes_removed_at=now)
    )
    if not removed.rowcount:
        return False
    row = conn.execute(
        select(versions.c.account_id, versions.c.size).where(versions.c.id == blob_id)
    ).one()
    refund(conn, AccountId(row.account_id), row.size)
    return True
