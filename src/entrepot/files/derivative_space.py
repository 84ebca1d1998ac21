"""The space that derivatives take, and which of them go when it is scarce or nobody uses them.

Their bytes count against no quota, but an account's derivatives may together take no more than its
quota, and all of them no more than the server allows.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, exists, func, insert, or_, select, update

from entrepot.accounts.actor import AccountId
from entrepot.db.tables import (
    accounts,
    derivatives,
    files,
    installation,
    released_blobs,
    versions,
)
from entrepot.db.types import ReadConnection, WriteConnection
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
    conn.execute(select(installation.c.id).with_for_update())
    quota = conn.scalar(select(accounts.c.quota).where(accounts.c.id == account_id)) or 0
    in_account = derivatives.c.account_id == account_id
    return _free_space_below(conn, size, quota, now, in_account) and _free_space_below(
        conn, size, max_total_bytes, now
    )


def derivative_bytes(conn: ReadConnection, *conditions: Any) -> int:
    """The bytes of derivatives; a form whose bytes are the version's own takes none."""
    not_original = derivatives.c.blob_id != derivatives.c.version_id
    total = select(func.sum(derivatives.c.size)).where(
        derivatives.c.status == "ready", not_original
    )
    return int(conn.scalar(total.where(*conditions)) or 0)


def account_derivative_bytes(conn: ReadConnection, account_id: UUID) -> int:
    """The bytes of an account's derivatives."""
    return derivative_bytes(conn, derivatives.c.account_id == account_id)


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
    conn: WriteConnection, size: int, max_bytes: int, now: datetime, *conditions: Any
) -> bool:
    """Room below one bound. First to go are forms made on demand, then the Parquet of versions
    that are current no more, each by its last use."""
    if size > max_bytes:
        return False
    excess_bytes = derivative_bytes(conn, *conditions) + size - max_bytes
    if excess_bytes <= 0:
        return True
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
    selected = []
    for row in conn.execute(candidates):
        if excess_bytes <= 0:
            break
        selected.append(derivative_key(row.version_id, row.form))
        excess_bytes -= row.size
    if excess_bytes > 0:
        return False
    for condition in selected:
        _expire(conn, now, condition)
    return True
