"""Reserve an account's quota for an upload, grow the reservation, settle or release it.

The account's row carries `used` (bytes stored) and `reserved` (bytes of running uploads); one
conditional UPDATE takes room, so that two uploads can never both take the last of it.

An upload that finds no room although what is *used* would leave it some waits, since those who
hold the rest may yet fail or turn out smaller. If all running uploads of an account wait for
one another, the youngest gives up, so that exactly as many get in as fit
(`docs/decisions/0004-quota.md`).

A resumable upload holds its whole size from its creation to its end (`quotas.hold`). Nobody waits
for such room, and it does not end with a request or a process.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NewType
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, delete, func, insert, select, update

from entrepot.accounts.actor import AccountId
from entrepot.db.tables import accounts, reservations, uploads
from entrepot.db.types import ReadConnection, WriteConnection
from entrepot.errors import (
    EntrepotError,
    OwnerQuotaExceeded,
    QuotaExceeded,
    TooManyUploads,
    UploadInterrupted,
)

ReservationId = NewType("ReservationId", UUID)

LIFE = timedelta(hours=1)
"""A reservation not renewed for so long belongs to an upload that died with its process."""


@dataclass(frozen=True)
class Usage:
    """An account's figures in bytes."""

    quota: int
    used: int
    reserved: int

    @property
    def free(self) -> int:
        """Bytes neither used nor reserved."""
        return self.quota - self.used - self.reserved

    def refusal(self, requested: int) -> QuotaExceeded:
        """That so many further bytes do not fit."""
        figures = {"limit": self.quota, "used": self.used, "reserved": self.reserved}
        return QuotaExceeded(**figures, requested=requested)


def usage_of(conn: ReadConnection, account_id: AccountId) -> Usage:
    """The account's quota, used and reserved bytes."""
    row = conn.execute(
        select(accounts.c.quota, accounts.c.used, accounts.c.reserved).where(
            accounts.c.id == account_id
        )
    ).one()
    return Usage(row.quota, row.used, row.reserved)


def open_reservation(
    conn: WriteConnection, account_id: AccountId, most: int, now: datetime
) -> ReservationId:
    """Begin an upload with a reservation of 0 bytes. Raises TooManyUploads at `most` of them."""
    lock_account(conn, account_id)
    live = reservations.c.account_id == account_id, reservations.c.expires_at > now, _of_a_request()
    under_way = conn.scalar(select(func.count()).select_from(reservations).where(*live)) or 0
    if under_way >= most:
        raise TooManyUploads(limit=most)
    made = ReservationId(uuid4())
    conn.execute(
        insert(reservations).values(
            id=made, account_id=account_id, size=0, created_at=now, expires_at=now + LIFE
        )
    )
    return made


def grow_reservation(
    conn: WriteConnection,
    account_id: AccountId,
    reservation: ReservationId,
    needed: int,
    wished: int,
    now: datetime,
) -> int | None:
    """Raise a reservation to `wished` bytes, or at least to the `needed` ones.

    Returns the bytes now reserved, or None if the upload has to wait and ask again. Raises
    QuotaExceeded if waiting cannot help, UploadInterrupted if the reservation is gone.
    """
    held = _held(conn, account_id, reservation)
    for target in sorted({max(wished, needed), needed}, reverse=True):
        if target <= held or take_room(conn, account_id, target - held):
            size = max(target, held)
            conn.execute(
                update(reservations)
                .where(reservations.c.id == reservation)
                .values(size=size, blocked=False, expires_at=now + LIFE)
            )
            return size
    _wait_or_give_up(conn, account_id, reservation, needed, now)
    return None


def settle_reservation(
    conn: WriteConnection, account_id: AccountId, reservation: ReservationId, size: int
) -> None:
    """Turn a reservation into `size` bytes used. Raises UploadInterrupted if it is gone."""
    held = _held(conn, account_id, reservation)
    if size > held:
        raise UploadInterrupted
    conn.execute(delete(reservations).where(reservations.c.id == reservation))
    conn.execute(
        update(accounts)
        .where(accounts.c.id == account_id)
        .values(reserved=accounts.c.reserved - held, used=accounts.c.used + size)
    )


def release_reservation(
    conn: WriteConnection, account_id: AccountId, reservation: ReservationId
) -> None:
    """Give a reservation back; nothing happens if it is gone."""
    try:
        held = _held(conn, account_id, reservation)
    except UploadInterrupted:
        return
    conn.execute(delete(reservations).where(reservations.c.id == reservation))
    conn.execute(
        update(accounts)
        .where(accounts.c.id == account_id)
        .values(reserved=accounts.c.reserved - held)
    )


def renew_reservation(conn: WriteConnection, reservation: ReservationId, now: datetime) -> None:
    """Say that a long upload still runs."""
    conn.execute(
        update(reservations).where(reservations.c.id == reservation).values(expires_at=now + LIFE)
    )


def release_dead(conn: WriteConnection, now: datetime) -> int:
    """Give back the reservations of uploads that died with their process; how many there were.

    On the embedded database, where one server alone runs, pass a `now` beyond every lease at
    the start: then all of them are dead.
    """
    # One that is being settled or renewed at this moment is not dead.
    expired = select(reservations.c.id, reservations.c.account_id).where(
        reservations.c.expires_at <= now, _of_a_request()
    )
    dead = conn.execute(expired.with_for_update(skip_locked=True)).all()
    for row in dead:
        release_reservation(conn, AccountId(row.account_id), ReservationId(row.id))
    return len(dead)


def refund(conn: WriteConnection, account_id: AccountId, size: int) -> None:
    """Give `size` used bytes back, in the transaction that notes that they were removed."""
    conn.execute(
        update(accounts).where(accounts.c.id == account_id).values(used=accounts.c.used - size)
    )


def take_used(conn: WriteConnection, account_id: AccountId, size: int) -> None:
    """Count `size` bytes that are stored already. Raises QuotaExceeded."""
    fits = accounts.c.used + accounts.c.reserved + size <= accounts.c.quota
    taking = update(accounts).where(accounts.c.id == account_id, fits)
    if not conn.execute(taking.values(used=accounts.c.used + size)).rowcount:
        raise usage_of(conn, account_id).refusal(size)


def refusal_for(asker: AccountId, owner: AccountId, refused: QuotaExceeded) -> EntrepotError:
    """The refusal as `asker` may be told it: an account's figures are its own business."""
    return refused if asker == owner else OwnerQuotaExceeded(requested=refused.requested)


@contextmanager
def told_to(asker: AccountId, owner: AccountId) -> Iterator[None]:
    """Refusals for want of quota as `asker` may be told them."""
    try:
        yield
    except QuotaExceeded as refused:
        raise refusal_for(asker, owner, refused) from None


def take_room(conn: WriteConnection, account_id: AccountId, size: int) -> bool:
    """Reserve `size` bytes of the account, if they are free; whether they were."""
    fits = accounts.c.used + accounts.c.reserved + size <= accounts.c.quota
    taking = update(accounts).where(accounts.c.id == account_id, fits)
    return bool(conn.execute(taking.values(reserved=accounts.c.reserved + size)).rowcount)


def _wait_or_give_up(
    conn: WriteConnection,
    account_id: AccountId,
    reservation: ReservationId,
    needed: int,
    now: datetime,
) -> None:
    lock_account(conn, account_id)
    usage = usage_of(conn, account_id)
    refusal = usage.refusal(needed)
    if usage.used + needed > usage.quota:
        raise refusal
    conn.execute(
        update(reservations)
        .where(reservations.c.id == reservation, ~reservations.c.blocked)
        .values(blocked=True, expires_at=now + LIFE)
    )
    live = conn.execute(
        select(reservations.c.id, reservations.c.blocked)
        .where(reservations.c.account_id == account_id, reservations.c.expires_at > now)
        .where(_of_a_request())
        .order_by(reservations.c.created_at.desc(), reservations.c.id.desc())
    ).all()
    if live[0].id == reservation and all(row.blocked for row in live):
        raise refusal


def _of_a_request() -> ColumnElement[bool]:
    """The condition on a reservation that it ends with its request, so not a resumable upload's."""
    return ~select(uploads.c.id).where(uploads.c.id == reservations.c.id).exists()


def _held(conn: WriteConnection, account_id: AccountId, reservation: ReservationId) -> int:
    # Locked on PostgreSQL, so that of two who settle or release it one finds it gone. One of
    # another account is as good as gone: the file has been handed over to this one meanwhile.
    mine = reservations.c.id == reservation, reservations.c.account_id == account_id
    size = select(reservations.c.size).where(*mine).with_for_update()
    held: int | None = conn.scalar(size)
    if held is None:
        raise UploadInterrupted
    return held


def lock_account(conn: WriteConnection, account_id: AccountId) -> None:
    """Have the account's figures stay as they are until the transaction's end."""
    # SQLite's writer holds the whole database already and ignores FOR UPDATE. Without the key:
    # who holds the head of the account's activity adds a row that refers to the account, and
    # would wait for us, who wait for that head at the end.
    mine = select(accounts.c.id).where(accounts.c.id == account_id)
    conn.execute(mine.with_for_update(key_share=True))
