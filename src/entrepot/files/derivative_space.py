"""The space that derivatives take, and which of them go when it is scarce or nobody uses them.

Their bytes count against no quota, but an account's derivatives may together take no more than its
quota, and all of them no more than the server allows.
"""

from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    Uuid,
    and_,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from entrepot.accounts.actor import AccountId
from entrepot.db.change_sums import COMPACT_ROWS, compact_changes
from entrepot.db.locks import lock_rows_later
from entrepot.db.tables import (
    ALL_ACCOUNTS,
    accounts,
    derivative_changes,
    derivatives,
    files,
    installation,
    released_blobs,
    versions,
)
from entrepot.db.types import ReadConnection, WriteConnection, uuid_parameter
from entrepot.inspection.results import Form

EAGER: Form = "parquet"
"""The form that each published table has, and keeps as long as the version: it is made with the
verdict, or of a large delivery right after it."""
UNUSED_LIFETIME = timedelta(days=7)
"""The other forms go when nobody has asked for them for so long."""


def derivative_key(version_id: UUID, form: str) -> Any:
    """The condition that finds one form of one version."""
    return and_(derivatives.c.version_id == version_id, derivatives.c.form == form)


def free_space(
    conn: WriteConnection, account_id: AccountId, size: int, max_total_bytes: int, now: datetime
) -> bool:
    """Whether `size` bytes fit, after those used longest ago had to go if need be."""
    # Whoever needs room at the same time waits: the sums below would leave theirs out.
    lock_rows_later(conn, _lock_query, {})
    in_account = derivatives.c.account_id == account_id
    row = conn.execute(_space_query(), {"of_account": account_id}).one()
    of_account, total = int(row.account or 0), int(row.total or 0)
    for counted, changes in ((account_id, row.account_changes), (ALL_ACCOUNTS, row.total_changes)):
        if changes > COMPACT_ROWS:
            compact_changes(conn, derivative_changes, counted)
    freed = _free_space_below(conn, of_account + size - row.quota, size, row.quota, now, in_account)
    if freed is None:
        return False
    excess_bytes = total - freed + size - max_total_bytes
    return _free_space_below(conn, excess_bytes, size, max_total_bytes, now) is not None


@cache
def _lock_query() -> Select[Any]:
    return select(installation.c.id).with_for_update()


@cache
def _space_query() -> Select[Any]:
    account_id = uuid_parameter("of_account")
    everybody = bindparam("everybody", ALL_ACCOUNTS, type_=Uuid())
    return select(
        accounts.c.quota,
        _changes_query(func.sum(derivative_changes.c.bytes), account_id).label("account"),
        _changes_query(func.count(), account_id).label("account_changes"),
        _changes_query(func.sum(derivative_changes.c.bytes), everybody).label("total"),
        _changes_query(func.count(), everybody).label("total_changes"),
    ).where(accounts.c.id == account_id)


def _changes_query(
    figure: ColumnElement[int], account_id: ColumnElement[UUID]
) -> ScalarSelect[Any]:
    """A figure of what is counted for an account."""
    query = select(figure).select_from(derivative_changes)
    return query.where(derivative_changes.c.account_id == account_id).scalar_subquery()


def account_derivative_bytes(conn: ReadConnection, account_id: UUID) -> int:
    """The bytes of an account's derivatives, or of those of `ALL_ACCOUNTS`; a form whose bytes are
    the version's own takes none."""
    query = select(func.sum(derivative_changes.c.bytes))
    return int(conn.scalar(query.where(derivative_changes.c.account_id == account_id)) or 0)


def expire_unused(conn: WriteConnection, now: datetime) -> int:
    """Let the forms go that nobody has used for long; how many."""
    return _expire(
        conn, now, derivatives.c.form != EAGER, derivatives.c.used_at < now - UNUSED_LIFETIME
    )


_EXPIRED_VALUES: dict[str, Any] = {"status": "expired", "blob_id": None, "size": 0, "sha256": None}


def _expire(conn: WriteConnection, now: datetime, *conditions: Any) -> int:
    """Let the forms go that `conditions` selects, and release their blobs to the sweep; how
    many."""
    # Locked first: a form that somebody uses meanwhile must not lose its bytes.
    ready = select(derivatives.c.version_id, derivatives.c.form, derivatives.c.blob_id).where(
        derivatives.c.status == "ready", *conditions
    )
    rows = conn.execute(ready.with_for_update()).all()
    released = [
        {"blob_id": row.blob_id, "released_at": now}
        for row in rows
        if row.blob_id != row.version_id
    ]
    if released:
        conn.execute(insert(released_blobs), released)
    for row in rows:
        conn.execute(
            update(derivatives)
            .where(derivative_key(row.version_id, row.form))
            .values(**_EXPIRED_VALUES)
        )
    return len(rows)


def _free_space_below(
    conn: WriteConnection,
    excess_bytes: int,
    size: int,
    max_bytes: int,
    now: datetime,
    *conditions: Any,
) -> int | None:
    """Room for `size` below one bound, which it exceeds by `excess_bytes`: how many bytes had to
    go, None if there is no room. First to go are forms made on demand, then the Parquet of versions
    that are current no more, each by its last use."""
    if size > max_bytes:
        return None
    if excess_bytes <= 0:
        return 0
    current = exists().where(
        files.c.id == versions.c.file_id, files.c.current_version == versions.c.number
    )
    candidates = (
        select(derivatives.c.version_id, derivatives.c.form, derivatives.c.size)
        .join(versions, versions.c.id == derivatives.c.version_id)
        .where(
            derivatives.c.status == "ready",
            derivatives.c.blob_id != derivatives.c.version_id,
            or_(derivatives.c.form != EAGER, ~current),
            *conditions,
        )
        .order_by(derivatives.c.form == EAGER, derivatives.c.used_at)
    )
    selected, freed = [], 0
    for row in conn.execute(candidates):
        if freed >= excess_bytes:
            break
        selected.append(derivative_key(row.version_id, row.form))
        freed += row.size
    if freed < excess_bytes:
        return None
    for condition in selected:
        _expire(conn, now, condition)
    return freed
