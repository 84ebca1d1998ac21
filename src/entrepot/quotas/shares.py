"""Who may have how many of an account's places for uploads: its own people, and guests.

The account's own people have all `limit` places, which no guest takes. Guests (senders of other
accounts, who may deliver to a file) have places of their own: together half as many, those of one
account a quarter. So no guest keeps the account's people out, nor one guest the others.
"""

from datetime import datetime
from functools import cache
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, func, select

from entrepot.db.tables import reservations, uploads
from entrepot.db.types import ReadConnection, UtcTime, uuid_parameter
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
    resumable: bool,
    now: datetime,
) -> None:
    """Check that one more upload of that sender may begin, of the resumable ones or of those that
    end with their request.

    Lock the account first. Raises TooManyUploads.
    """
    parameters = {"of_account": account_id, "sender_account": sender_account, "now": now}
    by_sender = _uploads_query("of this sender", resumable)
    if sender_account == account_id:
        _require_below(conn, limit, by_sender, parameters)
        return
    _require_below(conn, guest_limit(limit), by_sender, parameters)
    by_guests = _uploads_query("of all guests", resumable)
    _require_below(conn, guests_limit(limit), by_guests, parameters)


def own_uploads_query() -> Select[int]:
    """Counts the uploads of an account's own people that end with their request, for a statement
    with the parameters `of_account`, `sender_account` (the same) and `now`."""
    return _uploads_query("of this sender", False)


@cache
def _uploads_query(
    senders: Literal["of this sender", "of all guests"], resumable: bool
) -> Select[int]:
    account = uuid_parameter("of_account")
    sender = func.coalesce(reservations.c.sender_account_id, account)
    is_one = sender == uuid_parameter("sender_account")
    condition = is_one if senders == "of this sender" else sender != account
    kind = ~belongs_to_request() if resumable else belongs_to_request()
    return _count_query().where(condition, kind)


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
    parameters = {"of_account": account_id, "now": now}
    of_guest = _count_query().where(
        ~belongs_to_request(), reservations.c.sender_account_id == sender_account
    )
    on_file = of_guest.where(reservations.c.file_id == file_id)
    _require_below(conn, limits[0], on_file, parameters)
    _require_below(conn, limits[1], of_guest, parameters)


def _count_query() -> Select[int]:
    """Counts the reservations of an account that have not expired."""
    return (
        select(func.count())
        .select_from(reservations)
        .where(reservations.c.account_id == uuid_parameter("of_account"))
        .where(reservations.c.expires_at > bindparam("now", type_=UtcTime()))
    )


def _require_below(
    conn: ReadConnection, limit: int, query: Select[int], parameters: dict[str, Any]
) -> None:
    if (conn.scalar(query, parameters) or 0) >= limit:
        raise TooManyUploads(limit=limit)
