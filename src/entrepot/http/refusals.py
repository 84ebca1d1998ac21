"""Record who was refused what: a key that is void, or lacks a scope, and rights that a user lacks.

Counted by this process. Within an hour the first refusal of one kind is recorded, the 10th, the
100th and so on, so that a flood of them takes a few rows.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from entrepot.accounts.sign_in import RECORDED_COUNTS
from entrepot.activity.record import RecordedUser, RequestOrigin, record
from entrepot.db.tables import accounts, keys, users
from entrepot.db.types import WriteConnection
from entrepot.http.limits.rates import MAX_COUNTERS

WINDOW = timedelta(hours=1)
"""The time in which refusals of one kind are counted together."""


@dataclass
class _Count:
    since: datetime
    refusals: int = 0


class RefusalCounter:
    """Counts refusals. Used by the event loop's thread alone."""

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[object, ...], _Count] = OrderedDict()

    def count(self, now: datetime, *kind: object) -> int | None:
        """Count a refusal of this kind; how many there were, if that is to be recorded."""
        count = self._counts.pop(kind, None)
        if count is None or now - count.since > WINDOW:
            count = _Count(now)
        self._counts[kind] = count
        if len(self._counts) > MAX_COUNTERS:
            self._counts.popitem(last=False)
        count.refusals += 1
        return count.refusals if count.refusals in RECORDED_COUNTS else None


def record_void_key(
    conn: WriteConnection, digest: bytes, origin: RequestOrigin, count: int, now: datetime
) -> None:
    """Record the use of a key that was revoked, has expired, or belongs to a disabled user; nothing
    if there never was such a key."""
    query = select(keys.c.id, keys.c.user_id, keys.c.account_id, keys.c.prefix, users.c.name)
    row = conn.execute(
        query.add_columns(accounts.c.name.label("account"))
        .join(users, users.c.id == keys.c.user_id)
        .join(accounts, accounts.c.id == keys.c.account_id)
        .where(keys.c.digest == digest)
    ).one_or_none()
    if row is None:
        return
    user = RecordedUser(row.user_id, f"{row.account}:{row.name}", row.id, origin)
    detail = {"reason": "void key", "prefix": row.prefix, "refusals": count}
    record(conn, row.account_id, user, "access.refuse", now, detail=detail, result="refused")


def record_refusal(
    conn: WriteConnection,
    account_id: UUID,
    user: RecordedUser,
    reason: str,
    count: int,
    now: datetime,
) -> None:
    """Record that a user was refused what they asked for."""
    detail = {"reason": reason, "refusals": count}
    record(conn, account_id, user, "access.refuse", now, detail=detail, result="refused")
