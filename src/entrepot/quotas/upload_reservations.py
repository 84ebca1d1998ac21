"""Reserve quota for a resumable upload: its whole size, from its creation until it ends or expires.

The reservation has the upload's id. It ends with the upload's row, not with a request.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, update

from entrepot.accounts.actor import AccountId
from entrepot.db.tables import reservations
from entrepot.db.types import WriteConnection
from entrepot.quotas.reserve import ReservationId, get_usage, release_reservation, reserve_bytes


def reserve_upload(
    conn: WriteConnection,
    account_id: AccountId,
    upload_id: UUID,
    size: int,
    until: datetime,
    now: datetime,
) -> ReservationId:
    """Reserve `size` bytes under the upload's id. Raises QuotaExceeded."""
    if not reserve_bytes(conn, account_id, size):
        raise get_usage(conn, account_id).quota_exceeded(size)
    conn.execute(
        insert(reservations).values(
            id=upload_id, account_id=account_id, size=size, created_at=now, expires_at=until
        )
    )
    return ReservationId(upload_id)


def extend_reservation(conn: WriteConnection, upload_id: UUID, until: datetime) -> None:
    """Extend the reservation to the lifetime of its upload."""
    same_upload = reservations.c.id == upload_id
    conn.execute(update(reservations).where(same_upload).values(expires_at=until))


def merge_reservations(
    conn: WriteConnection,
    parts: Iterable[tuple[AccountId, UUID]],
    account_id: AccountId,
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
