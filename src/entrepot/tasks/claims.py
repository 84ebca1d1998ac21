"""The queue's entries as workers see them: what may run, claims with leases, and their end.

A claim raises the entry's lease number. Whoever writes for a claim checks in the same transaction
that it is the entry's last one (`hold_lease`), so that a worker which was taken for dead changes
nothing any more.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Delete,
    FromClause,
    Integer,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    true,
    update,
)

from entrepot.db.tables import accounts, queue_entries
from entrepot.db.types import ReadConnection, UtcTime, WriteConnection, uuid_parameter
from entrepot.tasks.leases import is_alive, lease_parameters
from entrepot.tasks.schedule import BATCH_ENTRIES, Sender, WaitingEntry

MAX_BATCH_CLAIMS = 3
"""Claims of an entry with others, before it runs alone: what ran before it in a batch may have
taken all the time."""


SENDER_COLUMNS = ("account_id", "user_id", "short")
"""Whose entries are taken in their order: the first columns of the index `by_sender`."""


class LeaseLost(Exception):
    """The entry was taken over, or has ended: this claim may not write any more."""


@dataclass(frozen=True)
class ClaimedEntry:
    """An entry as it was claimed. `lease` counts its claims, `failures` those that failed through
    no fault of what was run; `size` is bytes."""

    id: UUID
    kind: str
    account_id: UUID
    user_id: UUID
    size: int
    lease: int
    failures: int
    postponed: bool
    enqueued_at: datetime

    @property
    def sender(self) -> Sender:
        """Who caused the work."""
        return self.account_id, self.user_id


def find_waiting(
    conn: ReadConnection, kinds: Collection[str], lease: timedelta, now: datetime
) -> list[WaitingEntry]:
    """The entries of these kinds that may run now, the first ones of each sender.

    Not before their time, and not before the earlier versions of the same file.
    """
    parameters = {"kinds": list(kinds), "now": now, **lease_parameters(now, lease)}
    return [
        WaitingEntry(
            row.id,
            row.kind,
            row.account_id,
            row.user_id,
            row.size,
            row.short,
            row.enqueued_at,
            row.lease >= MAX_BATCH_CLAIMS,
        )
        for row in conn.execute(_waiting_query(conn.dialect.name), parameters)
    ]


@cache
def _waiting_query(dialect: str) -> Select[Any]:
    # Built once, since the queue is looked at after each run and to build it takes milliseconds.
    # By sender, so that the index gives the first entries of each: to rank all that wait took
    # 138 ms of 10,000.
    senders, entries = _waiting_senders(), queue_entries
    earlier = queue_entries.alias("earlier")
    is_first = ~exists().where(
        earlier.c.file_id == entries.c.file_id, earlier.c.version < entries.c.version
    )
    now = bindparam("now", type_=UtcTime())
    is_due = or_(entries.c.not_before.is_(None), entries.c.not_before <= now)
    is_known = entries.c.kind.in_(bindparam("kinds", expanding=True))
    of_sender = [entries.c[name] == senders.c[name] for name in SENDER_COLUMNS]
    first = (
        select(entries if dialect == "postgresql" else entries.c.id)
        .where(*of_sender, is_known, _takeable(dialect), is_due, is_first)
        .order_by(entries.c.enqueued_at, entries.c.id)
        .limit(2 * BATCH_ENTRIES)
        .correlate(senders)
    )
    if dialect == "postgresql":
        chosen = first.lateral("chosen")
        return select(chosen).select_from(senders.join(chosen, true()))
    entry = queue_entries.alias("chosen")
    return select(entry).select_from(senders.join(entry, entry.c.id.in_(first)))


def _waiting_senders() -> CTE:
    """The senders of entries, short ones and others apart, by one look at the index for each."""
    first, later, following = (queue_entries.alias(name) for name in ("first", "later", "next"))
    lowest = select(*_sender_of(first)).order_by(*_sender_of(first)).limit(1).subquery()
    senders = select(lowest).cte("senders", recursive=True)
    steps = []
    for number in reversed(range(len(SENDER_COLUMNS))):
        same = [later.c[name] == senders.c[name] for name in SENDER_COLUMNS[:number]]
        column = SENDER_COLUMNS[number]
        step = select(later.c.id).where(*same, later.c[column] > senders.c[column])
        ordered = step.order_by(*(later.c[name] for name in SENDER_COLUMNS[number:])).limit(1)
        steps.append(ordered.correlate(senders).scalar_subquery())
    next_entry = senders.join(following, following.c.id == func.coalesce(*steps))
    return senders.union_all(select(*_sender_of(following)).select_from(next_entry))


def _sender_of(entries: FromClause) -> list[ColumnElement[Any]]:
    return [entries.c[name] for name in SENDER_COLUMNS]


def find_running(conn: ReadConnection) -> list[tuple[Sender, datetime]]:
    """Whose entries run, and since when, on all workers."""
    columns = queue_entries.c.account_id, queue_entries.c.user_id, queue_entries.c.claimed_at
    rows = conn.execute(select(*columns).where(queue_entries.c.state == "running"))
    return [((row.account_id, row.user_id), row.claimed_at) for row in rows]


def claim_entries(
    conn: WriteConnection, ids: Sequence[UUID], owner: str, lease: timedelta, now: datetime
) -> dict[UUID, ClaimedEntry]:
    """Claim those of the entries that nobody else has claimed meanwhile."""
    # Rows that another worker is claiming just now are not waited for. SQLite's writer is alone.
    free = (
        select(queue_entries.c.id)
        .where(queue_entries.c.id.in_(ids), _takeable(conn.dialect.name))
        .params(lease_parameters(now, lease))
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(queue_entries)
        .where(queue_entries.c.id.in_(free))
        .values(
            state="running",
            owner=owner,
            lease=queue_entries.c.lease + 1,
            claimed_at=now,
        )
        .returning(queue_entries)
    )
    return {
        row.id: ClaimedEntry(
            row.id,
            row.kind,
            row.account_id,
            row.user_id,
            row.size,
            row.lease,
            row.failures,
            row.postponed,
            row.enqueued_at,
        )
        for row in conn.execute(statement)
    }


def hold_lease(conn: WriteConnection, entry: ClaimedEntry) -> None:
    """Check that the claim is the entry's last one; it stays so until the transaction's end.

    Raises LeaseLost.
    """
    if conn.execute(_held_query(), _held_parameters(entry)).first() is None:
        raise LeaseLost


def end_entry(conn: WriteConnection, entry: ClaimedEntry) -> None:
    """Remove the entry of work that ends in this transaction. Raises LeaseLost."""
    if not conn.execute(_end_statement(), _held_parameters(entry)).rowcount:
        raise LeaseLost


def postpone_entry(conn: WriteConnection, entry: ClaimedEntry, now: datetime) -> None:
    """Put the entry at the queue's end, for its last attempt. Raises LeaseLost."""
    release_entry(conn, entry, postponed=True, short=False, enqueued_at=now)


def retry_entry(conn: WriteConnection, entry: ClaimedEntry, not_before: datetime) -> None:
    """Note a failure and let the entry run again later. Raises LeaseLost."""
    release_entry(conn, entry, failures=entry.failures + 1, not_before=not_before)


def find_held(conn: ReadConnection, owner: str) -> dict[UUID, int]:
    """The lease numbers of the entries that the worker still holds."""
    columns = queue_entries.c.id, queue_entries.c.lease
    held = queue_entries.c.owner == owner, queue_entries.c.state == "running"
    return {row.id: row.lease for row in conn.execute(select(*columns).where(*held))}


def release_entries(conn: WriteConnection, owner: str, ids: Collection[UUID] | None = None) -> int:
    """Let others claim what the worker had claimed and does not run, by default everything: it
    begins, or has ended; how many entries."""
    statement = update(queue_entries).where(
        queue_entries.c.owner == owner, queue_entries.c.state == "running"
    )
    if ids is not None:
        statement = statement.where(queue_entries.c.id.in_(ids))
    return conn.execute(statement.values(**RELEASED)).rowcount


RELEASED: dict[str, Any] = {
    "state": "waiting",
    "owner": None,
    "claimed_at": None,
}
"""The columns of an entry that nobody has claimed."""


def release_entry(conn: WriteConnection, entry: ClaimedEntry, **values: Any) -> None:
    """Let the entry wait again, with these values. Raises LeaseLost."""
    statement = update(queue_entries).where(_is_held()).values(**RELEASED, **values)
    if not conn.execute(statement, _held_parameters(entry)).rowcount:
        raise LeaseLost


@cache
def _held_query() -> Select[UUID]:
    return select(queue_entries.c.id).where(_is_held()).with_for_update()


@cache
def _end_statement() -> Delete:
    return delete(queue_entries).where(_is_held())


@cache
def _is_held() -> ColumnElement[bool]:
    """The claim is the entry's last one; its parameters are `_held_parameters`."""
    return and_(
        queue_entries.c.id == uuid_parameter("claimed_id"),
        queue_entries.c.lease == bindparam("claimed_lease", type_=Integer()),
        queue_entries.c.state == "running",
    )


def _held_parameters(entry: ClaimedEntry) -> dict[str, Any]:
    return {"claimed_id": entry.id, "claimed_lease": entry.lease}


def _takeable(dialect: str) -> ColumnElement[bool]:
    """Nobody has claimed it, or whoever did gives no sign of life; and its account is not
    suspended. Its parameters are those of `is_alive`."""
    suspended = select(accounts.c.id).where(accounts.c.suspended_at.is_not(None))
    return and_(
        or_(queue_entries.c.state == "waiting", ~is_alive(dialect, queue_entries.c.owner)),
        queue_entries.c.account_id.not_in(suspended),
    )
