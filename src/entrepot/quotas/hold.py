"""Hold room for a resumable upload: all of it from its creation on, until it ends or expires.

The reservation has the upload's id, and ends when the upload's row says so, not with a request.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, update

from entrepot.accounts.actor import AccountId
from entrepot.db.tables import reservations
from entrepot.db.types import WriteConnection
from entrepot.quotas.reserve import ReservationId, release_reservation, take_room, usage_of


def hold(
    conn: WriteConnection,
    account_id: AccountId,
    upload_id: UUID,
    size: int,
    until: datetime,
    now: datetime,
) -> ReservationId:
    """Set `size` bytes aside under the upload's id. Raises QuotaExceeded."""
    if not take_room(conn, account_id, size):
        raise usage_of(conn, account_id).refusal(size)
    conn.execute(
        insert(reservations).values(
            id=upload_id, account_id=account_id, size=size, created_at=now, expires_at=until
        )
    )
    return ReservationId(upload_id)


def extend_hold(conn: WriteConnection, upload_id: UUID, until: datetime) -> None:
    """Have the reservation last as long as its upload."""
    mine = reservations.c.id == upload_id
    conn.execute(update(reservations).where(mine).values(expires_at=until))


def gather_holds(
    conn: WriteConnection,
    parts: Iterable[tuple[AccountId, UUID]],
    account_id: AccountId,
    upload_id: UUID,
    size: int,
    now: datetime,
) -> ReservationId:
    """Make one reservation of those of the parts, of another account if it must be.

    Raises QuotaExceeded, where that account has not the room.
    """
    for owner, part_id in parts:
        release_reservation(conn, owner, ReservationId(part_id))
    return hold(conn, account_id, upload_id, size, now, now)
