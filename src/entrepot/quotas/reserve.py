"""Reserve an account's quota for an upload, grow the reservation, settle or release it.

The account's row has `used` (bytes stored) and `reserved` (bytes of running uploads). One
conditional UPDATE reserves bytes, so that two uploads can never both get the last ones.

An upload that does not fit, but would fit next to the *used* bytes alone, waits, since the uploads
that hold the other reservations may fail or turn out smaller. If all running uploads of an account
wait for each other, the youngest fails, so that as many uploads succeed as fit
(`docs/decisions/0004-quota.md`).

A resumable upload reserves its whole size from its creation to its end
(`quotas.upload_reservations`). No upload waits for those bytes, and the reservation does not end
with a request or a process.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NewType
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Select,
    Update,
    bindparam,
    delete,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningDelete, ReturningUpdate

from entrepot.activity.metadata import (
    changes_of_account,
    compact_metadata,
    metadata_of_account,
)
from entrepot.db.change_sums import COMPACT_ROWS
from entrepot.db.inserts import insert_row
from entrepot.db.locks import lock_rows
from entrepot.db.tables import accounts, reservations
from entrepot.db.types import ReadConnection, WriteConnection, uuid_parameter
from entrepot.errors import (
    EntrepotError,
    OwnerQuotaExceeded,
    QuotaExceeded,
    UploadInterrupted,
)
from entrepot.quotas.shares import belongs_to_request, require_place

ReservationId = NewType("ReservationId", UUID)

RESERVATION_LIFETIME = timedelta(minutes=5)
"""A reservation that was not renewed for this long belongs to an upload whose process died. Clocks
of hosts may differ by less than that."""
RENEWAL_INTERVAL = timedelta(seconds=30)
"""Each upload renews its reservation so often."""


@dataclass(frozen=True)
class Sender:
    """Who sends an upload: a user of an account, with a key or (None) in a browser; and to which
    file, None for a new one."""

    user_id: UUID
    account_id: UUID
    key_id: UUID | None
    file_id: UUID | None = None

    def columns(self) -> dict[str, UUID | None]:
        """The columns of `reservations` that say so."""
        return {
            "user_id": self.user_id,
            "sender_account_id": self.account_id,
            "key_id": self.key_id,
            "file_id": self.file_id,
        }


@dataclass(frozen=True)
class Usage:
    """An account's figures in bytes."""

    quota: int
    used: int
    reserved: int
    metadata: int

    @property
    def free(self) -> int:
        """Bytes neither used nor reserved nor taken by metadata; below 0 if reports exceed it."""
        return self.quota - self.used - self.reserved - self.metadata

    def can_ever_fit(self, size: int) -> bool:
        """Whether `size` bytes fit once nothing else is reserved."""
        return self.used + self.metadata + size <= self.quota

    def quota_exceeded(self, requested: int) -> QuotaExceeded:
        """The error for `requested` further bytes that do not fit."""
        figures = {"limit": self.quota, "used": self.used, "reserved": self.reserved}
        figures["metadata"] = self.metadata
        return QuotaExceeded(**figures, requested=requested)


def get_usage(conn: ReadConnection, account_id: UUID) -> Usage:
    """The account's quota, and what is used and reserved of it."""
    columns = accounts.c.quota, accounts.c.used, accounts.c.reserved
    counted = metadata_of_account().label("metadata")
    row = conn.execute(select(*columns, counted).where(accounts.c.id == account_id)).one()
    return Usage(row.quota, row.used, row.reserved, int(row.metadata))


def open_reservation(
    conn: WriteConnection,
    account_id: UUID,
    max_uploads: int,
    now: datetime,
    sender: Sender | None = None,
    size: int = 0,
) -> ReservationId:
    """Begin an upload with a reservation of `size` bytes, which `reserve_bytes` has reserved.

    Raises TooManyUploads at `max_uploads` of the account's own people, or at the shares of guests
    (`quotas.shares`)."""
    if not size:  # else the account's row was changed, and is locked
        lock_accounts(conn, account_id)
    sender_account = sender.account_id if sender is not None else account_id
    require_place(conn, account_id, sender_account, max_uploads, False, now)
    reservation = ReservationId(uuid4())
    insert_row(
        conn,
        reservations,
        id=reservation,
        account_id=account_id,
        size=size,
        created_at=now,
        expires_at=now + RESERVATION_LIFETIME,
        **(sender.columns() if sender is not None else {}),
    )
    return reservation


def grow_reservation(
    conn: WriteConnection,
    account_id: UUID,
    reservation: ReservationId,
    needed: int,
    preferred: int,
    now: datetime,
) -> int | None:
    """Raise a reservation to `preferred` bytes, or at least to `needed` bytes.

    Returns the bytes now reserved, or None if the upload has to wait and try again. Raises
    QuotaExceeded if waiting cannot help, UploadInterrupted if the reservation is gone.
    """
    reserved = _lock_reservation(conn, account_id, reservation)
    for target in sorted({max(preferred, needed), needed}, reverse=True):
        if target <= reserved or reserve_bytes(conn, account_id, target - reserved):
            size = max(target, reserved)
            conn.execute(
                update(reservations)
                .where(reservations.c.id == reservation)
                .values(size=size, blocked=False, expires_at=now + RESERVATION_LIFETIME)
            )
            return size
    _block_or_fail(conn, account_id, reservation, needed, now)
    return None


def settle_reservation(
    conn: WriteConnection, account_id: UUID, reservation: ReservationId, size: int
) -> None:
    """Turn a reservation into `size` bytes used. Raises UploadInterrupted if it is gone."""
    reserved = _remove_reservation(conn, account_id, reservation)
    if reserved is None or size > reserved:
        raise UploadInterrupted
    conn.execute(
        _settle_statement(),
        {"of_account": account_id, "reserved_bytes": reserved, "used_bytes": size},
    )


@cache
def _settle_statement() -> Update:
    reserved = accounts.c.reserved - bindparam("reserved_bytes", type_=BigInteger())
    used = accounts.c.used + bindparam("used_bytes", type_=BigInteger())
    same_account = accounts.c.id == uuid_parameter("of_account")
    return update(accounts).where(same_account).values(reserved=reserved, used=used)


def release_reservation(
    conn: WriteConnection, account_id: UUID, reservation: ReservationId
) -> None:
    """Release a reservation. Idempotent."""
    reserved = _remove_reservation(conn, account_id, reservation)
    if reserved is None:
        return
    conn.execute(
        update(accounts)
        .where(accounts.c.id == account_id)
        .values(reserved=accounts.c.reserved - reserved)
    )


def find_expiry(conn: ReadConnection, reservation: ReservationId) -> datetime | None:
    """Until when the reservation lasts if nobody renews it; None if it was settled or released."""
    return conn.scalar(select(reservations.c.expires_at).where(reservations.c.id == reservation))


def renew_reservation(conn: WriteConnection, reservation: ReservationId, now: datetime) -> None:
    """Say that an upload still runs."""
    conn.execute(
        update(reservations)
        .where(reservations.c.id == reservation)
        .values(expires_at=now + RESERVATION_LIFETIME)
    )


def release_expired(conn: WriteConnection, now: datetime) -> int:
    """Give back the reservations of uploads that died with their process; how many there were."""
    # One that is being settled or renewed at this moment is not dead.
    query = select(reservations.c.id, reservations.c.account_id).where(
        reservations.c.expires_at <= now, belongs_to_request()
    )
    rows = conn.execute(query.with_for_update(skip_locked=True)).all()
    for row in rows:
        release_reservation(conn, row.account_id, ReservationId(row.id))
    return len(rows)


def release_all_reservations(conn: WriteConnection, now: datetime) -> int:
    """At the start of the only server there is, every reservation's upload is dead."""
    return release_expired(conn, now + 2 * RESERVATION_LIFETIME)


def refund(conn: WriteConnection, account_id: UUID, size: int) -> None:
    """Give `size` used bytes back, in the transaction that notes that they were removed."""
    conn.execute(
        update(accounts).where(accounts.c.id == account_id).values(used=accounts.c.used - size)
    )


def add_used(conn: WriteConnection, account_id: UUID, size: int) -> None:
    """Count `size` bytes that are already stored. Raises QuotaExceeded."""
    taken = accounts.c.used + accounts.c.reserved + metadata_of_account()
    within_quota = taken + size <= accounts.c.quota
    statement = update(accounts).where(accounts.c.id == account_id, within_quota)
    if not conn.execute(statement.values(used=accounts.c.used + size)).rowcount:
        raise get_usage(conn, account_id).quota_exceeded(size)


def quota_error_for(account_id: UUID, owner_id: UUID, error: QuotaExceeded) -> EntrepotError:
    """The error that `account_id` may see: another account's figures are hidden."""
    return error if account_id == owner_id else OwnerQuotaExceeded(requested=error.requested)


@contextmanager
def hide_owner_figures(account_id: UUID, owner_id: UUID) -> Iterator[None]:
    """Replace QuotaExceeded by the error that `account_id` may see."""
    try:
        yield
    except QuotaExceeded as error:
        raise quota_error_for(account_id, owner_id, error) from None


def reserve_bytes(conn: WriteConnection, account_id: UUID, size: int) -> Usage | None:
    """Reserve `size` bytes of the account if they are free; the usage with them, or None.

    What each delivery adds to the metadata is summed up here now and then: else every later one
    would add up all of them again.
    """
    parameters = {"of_account": account_id, "more_bytes": size}
    row = conn.execute(_reserve_statement(), parameters).one_or_none()
    if row is None:
        return None
    if row.changes > COMPACT_ROWS:
        compact_metadata(conn, account_id)
    return Usage(row.quota, row.used, row.reserved, int(row.metadata))


@cache
def _reserve_statement() -> ReturningUpdate[Any]:
    # By the parameter: in RETURNING the names of columns have no table, so that the account's `id`
    # would be that of the inner one.
    account_id, more_bytes = uuid_parameter("of_account"), more_bytes_parameter()
    return (
        update_if_free(account_id, more_bytes)
        .values(reserved=accounts.c.reserved + more_bytes)
        .returning(
            accounts.c.quota,
            accounts.c.used,
            accounts.c.reserved,
            metadata_of_account(account_id).label("metadata"),
            changes_of_account(account_id).label("changes"),
        )
    )


def more_bytes_parameter() -> BindParameter[int]:
    """How many more bytes an account is to have used or reserved."""
    return bindparam("more_bytes", type_=BigInteger())


def update_if_free(account_id: BindParameter[UUID], more_bytes: BindParameter[int]) -> Update:
    """The change of an account, if it has `more_bytes` free."""
    taken = accounts.c.used + accounts.c.reserved + metadata_of_account(account_id)
    within_quota = taken + more_bytes <= accounts.c.quota
    return update(accounts).where(accounts.c.id == account_id, within_quota)


def _block_or_fail(
    conn: WriteConnection,
    account_id: UUID,
    reservation: ReservationId,
    needed: int,
    now: datetime,
) -> None:
    lock_accounts(conn, account_id)
    usage = get_usage(conn, account_id)
    error = usage.quota_exceeded(needed)
    if not usage.can_ever_fit(needed):
        raise error
    conn.execute(
        update(reservations)
        .where(reservations.c.id == reservation, ~reservations.c.blocked)
        .values(blocked=True, expires_at=now + RESERVATION_LIFETIME)
    )
    running = conn.execute(
        select(reservations.c.id, reservations.c.blocked)
        .where(reservations.c.account_id == account_id, reservations.c.expires_at > now)
        .where(belongs_to_request())
        .order_by(reservations.c.created_at.desc(), reservations.c.id.desc())
    ).all()
    if running[0].id == reservation and all(row.blocked for row in running):
        raise error


def _remove_reservation(
    conn: WriteConnection, account_id: UUID, reservation: ReservationId
) -> int | None:
    """The bytes that the reservation had; None if it is gone. Only one of two calls removes it."""
    parameters = {"reservation": reservation, "of_account": account_id}
    removed: int | None = conn.scalar(_remove_statement(), parameters)
    return removed


@cache
def _remove_statement() -> ReturningDelete[int]:
    same_reservation = reservations.c.id == uuid_parameter("reservation")
    same_account = reservations.c.account_id == uuid_parameter("of_account")
    return delete(reservations).where(same_reservation, same_account).returning(reservations.c.size)


def _lock_reservation(conn: WriteConnection, account_id: UUID, reservation: ReservationId) -> int:
    # A reservation of another account does not count: the file was transferred meanwhile.
    conditions = reservations.c.id == reservation, reservations.c.account_id == account_id
    query = select(reservations.c.size).where(*conditions).with_for_update()
    size: int | None = conn.scalar(query)
    if size is None:
        raise UploadInterrupted
    return size


def lock_accounts(conn: WriteConnection, *account_ids: UUID) -> None:
    """Lock accounts until the end of the transaction: their figures, and who administers them.

    Locks are taken in one order, so that no two transactions wait for each other: the user whose
    Idempotency-Key came with the request (`tasks.replies.lock_keys`), a file, its links and
    entitlements, resumable uploads, their reservations, a user, the accounts by their
    ids, keys, sessions and sign-in links, the head of an account's activity.
    """

    # Without the key: who holds the head of the account's activity adds a row that refers to the
    # account, and would wait for us, who wait for that head at the end.
    def query() -> Select[UUID]:
        same_accounts = accounts.c.id.in_(account_ids)
        return select(accounts.c.id).where(same_accounts).order_by(accounts.c.id)

    lock_rows(conn, query, key_share=True)
