"""Reserve quota for a resumable upload, from its creation until it ends or expires.

The account's own people reserve the whole size. A guest reserves what has come and one block more,
so that nobody holds an account's quota with uploads that bring nothing. The reservation has the
upload's id. It ends with the upload's row, not with a request.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, update

from entrepot.db.inserts import insert_row
from entrepot.db.tables import reservations, uploads
from entrepot.db.types import WriteConnection
from entrepot.errors import OwnerQuotaExceeded
from entrepot.quotas.reserve import (
    ReservationId,
    Sender,
    get_usage,
    lock_accounts,
    release_reservation,
    reserve_bytes,
)

BATCH_UPLOADS = 500
"""Uploads in one statement."""
GUEST_BLOCK_BYTES = 1 << 20
"""What a guest's upload reserves beyond the bytes that have come."""


@dataclass(frozen=True)
class LockedUploads:
    """Uploads under way, locked until the end of the transaction, and the account of each one's
    reservation; it is absent if the upload was delivered at that moment."""

    ids: list[UUID]
    account_ids: dict[UUID, UUID]


def guest_reservation(size: int, received: int) -> int:
    """The bytes that a guest's upload of `size` bytes reserves once `received` have come."""
    return min(size, received + GUEST_BLOCK_BYTES)


def reserve_upload(
    conn: WriteConnection,
    account_id: UUID,
    upload_id: UUID,
    size: int,
    until: datetime,
    now: datetime,
    sender: Sender | None = None,
) -> ReservationId:
    """Reserve `size` bytes under the upload's id, or a guest's first block of them.

    Raises QuotaExceeded, also where a guest's whole upload can never fit.
    """
    reserved = size
    if sender is not None and sender.account_id != account_id:
        reserved = guest_reservation(size, 0)
        usage = get_usage(conn, account_id)
        if not usage.can_ever_fit(size):
            raise usage.quota_exceeded(size)
    if not reserve_bytes(conn, account_id, reserved):
        raise get_usage(conn, account_id).quota_exceeded(size)
    columns = sender.columns() if sender is not None else {}
    insert_row(
        conn,
        reservations,
        id=upload_id,
        account_id=account_id,
        size=reserved,
        created_at=now,
        expires_at=until,
        **columns,
    )
    return ReservationId(upload_id)


def grow_upload(conn: WriteConnection, upload_id: UUID, size: int) -> int:
    """Have at least `size` bytes reserved for an upload; how many are. 0 if it has ended.

    Raises OwnerQuotaExceeded: only guests' uploads grow.
    """
    query = select(reservations.c.account_id, reservations.c.size).where(
        reservations.c.id == upload_id
    )
    row = conn.execute(query.with_for_update()).one_or_none()
    if row is None or row.size >= size:
        return row.size if row is not None else 0
    if not reserve_bytes(conn, row.account_id, size - row.size):
        raise OwnerQuotaExceeded(requested=size)
    conn.execute(update(reservations).where(reservations.c.id == upload_id).values(size=size))
    return size


def extend_reservation(conn: WriteConnection, upload_id: UUID, until: datetime) -> None:
    """Extend the reservation to the lifetime of its upload."""
    same_upload = reservations.c.id == upload_id
    conn.execute(update(reservations).where(same_upload).values(expires_at=until))


def note_key(conn: WriteConnection, upload_id: UUID, key_id: UUID | None) -> None:
    """Say with which key the upload is sent now: it ends with that key."""
    same_upload = reservations.c.id == upload_id
    conn.execute(update(reservations).where(same_upload).values(key_id=key_id))


def merge_reservations(
    conn: WriteConnection,
    parts: Iterable[tuple[UUID, UUID]],
    account_id: UUID,
    upload_id: UUID,
    size: int,
    now: datetime,
) -> ReservationId:
    """Replace the reservations of the parts with one, possibly of another account.

    Raises QuotaExceeded if that account does not have enough free quota.
    """
    for owner, part_id in parts:
        release_reservation(conn, owner, ReservationId(part_id))
    return reserve_upload(conn, account_id, upload_id, size, now, now)


def end_uploads(conn: WriteConnection, *conditions: ColumnElement[bool]) -> list[UUID]:
    """End uploads under way whose reservations meet the conditions, and give their quota back.

    A request that still brings bytes to one finds it gone, and ends. The sweep removes the bytes.
    """
    locked = lock_uploads(conn, *conditions)
    lock_accounts(conn, *locked.account_ids.values())
    return end_locked_uploads(conn, locked)


def lock_uploads(conn: WriteConnection, *conditions: ColumnElement[bool]) -> LockedUploads:
    """Lock uploads under way whose reservations meet the conditions, and these reservations.

    Their accounts come after them in the order of locks (`lock_accounts`).
    """
    ids = sorted(conn.scalars(select(reservations.c.id).where(*conditions)))
    batches = [ids[start : start + BATCH_UPLOADS] for start in range(0, len(ids), BATCH_UPLOADS)]
    for batch in batches:
        query = select(uploads.c.id).where(uploads.c.id.in_(batch)).order_by(uploads.c.id)
        conn.execute(query.with_for_update())
    account_ids: dict[UUID, UUID] = {}
    for batch in batches:
        columns = select(reservations.c.id, reservations.c.account_id)
        query = columns.where(reservations.c.id.in_(batch)).order_by(reservations.c.id)
        account_ids |= {row.id: row.account_id for row in conn.execute(query.with_for_update())}
    return LockedUploads(ids, account_ids)


def end_locked_uploads(conn: WriteConnection, locked: LockedUploads) -> list[UUID]:
    """End the uploads, whose accounts are locked too, and give their quota back."""
    for upload_id, account_id in locked.account_ids.items():
        release_reservation(conn, account_id, ReservationId(upload_id))
    for start in range(0, len(locked.ids), BATCH_UPLOADS):
        # One that was delivered meanwhile has lost its reservation, and keeps its row.
        batch = uploads.c.id.in_(locked.ids[start : start + BATCH_UPLOADS])
        conn.execute(delete(uploads).where(batch, uploads.c.task_id.is_(None)))
    return locked.ids


def end_uploads_of_key(conn: WriteConnection, key_id: UUID) -> None:
    """End all uploads that are sent with a key."""
    end_uploads(conn, reservations.c.key_id == key_id)
