"""Who may have how many of an account's places for uploads: its own people, and guests.

The account's own people have all `limit` places, which no guest takes. Guests (senders of other
accounts, who may deliver to a file) have places of their own: together half as many, those of one
account a quarter. So no guest keeps the account's people out, nor one guest the others.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from entrepot.db.tables import reservations, uploads
from entrepot.db.types import ReadConnection
from entrepot.errors import TooManyUploads

GUESTS_SHARE, GUEST_SHARE = 2, 4
"""The parts of the limit that all guests have together, and that the people of one account have."""


def guests_limit(limit: int) -> int:
    """The places of all guests together."""
    return max(1, limit // GUESTS_SHARE)


def guest_limit(limit: int) -> int:
    """The places of the people of one other account."""
    return max(1, limit // GUEST_SHARE)


def belongs_to_request() -> ColumnElement[bool]:
    """The condition that a reservation ends with its request: it is not a resumable upload's."""
    return ~select(uploads.c.id).where(uploads.c.id == reservations.c.id).exists()


def require_place(
    conn: ReadConnection,
    account_id: UUID,
    sender_account: UUID,
    limit: int,
    condition: ColumnElement[bool],
    now: datetime,
) -> None:
    """Check that one more upload of that sender may begin, of those that meet the `condition`.

    Lock the account first. Raises TooManyUploads.
    """
    sender = func.coalesce(reservations.c.sender_account_id, account_id)
    if sender_account == account_id:
        _require_below(conn, account_id, limit, now, condition, sender == account_id)
        return
    _require_below(conn, account_id, guest_limit(limit), now, condition, sender == sender_account)
    _require_below(conn, account_id, guests_limit(limit), now, condition, sender != account_id)


def require_guest_places(
    conn: ReadConnection,
    account_id: UUID,
    sender_account: UUID,
    file_id: UUID | None,
    limits: tuple[int, int],
    now: datetime,
) -> None:
    """Check that a guest may leave one more resumable upload unfinished: `limits` are how many on
    one file, and how many in the account. Raises TooManyUploads."""
    resumable, of_guest = ~belongs_to_request(), reservations.c.sender_account_id == sender_account
    on_file = reservations.c.file_id == file_id
    _require_below(conn, account_id, limits[0], now, resumable, of_guest, on_file)
    _require_below(conn, account_id, limits[1], now, resumable, of_guest)


def _require_below(
    conn: ReadConnection,
    account_id: UUID,
    limit: int,
    now: datetime,
    *conditions: ColumnElement[bool],
) -> None:
    current = reservations.c.account_id == account_id, reservations.c.expires_at > now
    query = select(func.count()).select_from(reservations).where(*current, *conditions)
    if (conn.scalar(query) or 0) >= limit:
        raise TooManyUploads(limit=limit)
