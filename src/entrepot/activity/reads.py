"""Reads: collected in memory, written in batches, with all requests of one read in one activity
row.

A server that answers a thousand small reads a second cannot commit each of them. The process that
serves a read adds it to a buffer, and the buffer is written at least once a second
(`http.downloads.read_log`). A crash loses at most the last second.

A read with one request becomes an activity row immediately. A read that takes several requests, as
of ranges or pages, or a long time, stays in `open_reads` until no request came for
`READ_MERGE_INTERVAL` or until it has lasted for `MAX_READ_DURATION`. Then it becomes one activity
row. `open_reads` is a table, so neither a restart nor a crash loses it.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import delete, or_, select

from entrepot.activity.record import RecordedUser, RequestOrigin, record
from entrepot.db.inserts import upsert_into
from entrepot.db.tables import open_reads
from entrepot.db.types import ReadConnection, WriteConnection

ACTION = "version.read"
READ_MERGE_INTERVAL = timedelta(seconds=60)
"""Requests with a longer pause between them are two reads."""
MAX_READ_DURATION = timedelta(hours=1)
"""A longer read is written as an activity row and continues as another read."""
MAX_READS_PER_TRANSACTION = 500
"""Open reads that one transaction ends, so that it does not hold its locks for long."""


class Read(NamedTuple):
    """Who reads what from where: what all requests of one read have in common.

    `account_id` is the account that owns the file; the activity row belongs to it. `form` is
    `original` or the format of a derivative.
    """

    account_id: UUID
    user_id: UUID
    user_name: str
    key_id: UUID | None
    address: str
    file_id: UUID
    version: int
    form: str

    @property
    def id(self) -> str:
        """The primary key in `open_reads`."""
        return sha256(json.dumps(self, default=str).encode()).hexdigest()


@dataclass(slots=True)
class ReadTotals:
    """Totals of one read: the id of its first request, the number of requests, and the bytes
    sent."""

    request_id: str
    began_at: datetime
    last_at: datetime
    requests: int = 0
    bytes: int = 0
    broken_off: bool = False


ReadKind = Literal["single", "open", "redirected"]
"""`single`: a request that got all of it. `open`: further requests or bytes may belong to it.
`redirected`: a request that got an address in the store, under which anything may be read."""

Batch = dict[tuple[Read, ReadKind], ReadTotals]


class ReadBuffer:
    """Reads that are not written yet. Only the event loop's thread uses it."""

    def __init__(self) -> None:
        self._totals: Batch = {}

    def add(
        self,
        read: Read,
        request_id: str,
        now: datetime,
        kind: ReadKind,
        *,
        sent_bytes: int = 0,
        requests: int = 1,
        broken_off: bool = False,
    ) -> None:
        """Add `sent_bytes` of a read.

        A further call for the same request passes `requests=0`.
        """
        totals = self._totals.get((read, kind))
        if totals is None:
            totals = self._totals[read, kind] = ReadTotals(request_id, now, now)
        totals.last_at = now
        totals.requests += requests
        totals.bytes += sent_bytes
        totals.broken_off = broken_off

    def drain(self) -> Batch:
        """Remove and return all reads. The caller writes them or restores them."""
        batch, self._totals = self._totals, {}
        return batch

    def restore(self, batch: Batch) -> None:
        """Add back a batch that could not be written."""
        newer = self.drain()
        self._totals = batch
        for key, totals in newer.items():
            older = self._totals.setdefault(key, totals)
            if older is not totals:
                older.last_at, older.broken_off = totals.last_at, totals.broken_off
                older.requests += totals.requests
                older.bytes += totals.bytes


def write_reads(conn: WriteConnection, batch: Batch, now: datetime) -> None:
    """Write a batch: reads of one request as activity rows, the others to `open_reads`."""
    for (read, kind), totals in batch.items():
        if kind != "open":
            _record_read(conn, read, totals, is_redirect=kind == "redirected")
    # Sorted by id, so that two processes that write the same reads never wait for each other.
    open_rows = sorted(
        (read.id, read, totals) for (read, kind), totals in batch.items() if kind == "open"
    )
    if open_rows:
        conn.execute(
            _upsert_statement(conn.dialect.name), [_open_read_row(*row) for row in open_rows]
        )
    end_reads(conn, now)


def has_ended_reads(conn: ReadConnection, now: datetime) -> bool:
    """Whether any open read can be written as an activity row."""
    return conn.execute(select(open_reads.c.id).where(_has_ended(now)).limit(1)).first() is not None


def end_reads(conn: WriteConnection, now: datetime) -> None:
    """Write as activity rows the open reads that had no request for long enough, or lasted too
    long."""
    query = (
        select(open_reads)
        .where(_has_ended(now))
        .order_by(open_reads.c.last_at)
        .limit(MAX_READS_PER_TRANSACTION)
    )
    rows = conn.execute(query.with_for_update(skip_locked=True)).all()
    if not rows:
        return
    conn.execute(delete(open_reads).where(open_reads.c.id.in_([row.id for row in rows])))
    for row in rows:
        values = row._mapping
        read = Read(*(values[name] for name in Read._fields))
        _record_read(
            conn, read, ReadTotals(*(values[name] for name in ReadTotals.__dataclass_fields__))
        )


def _has_ended(now: datetime) -> Any:
    return or_(
        open_reads.c.last_at <= now - READ_MERGE_INTERVAL,
        open_reads.c.began_at <= now - MAX_READ_DURATION,
    )


@cache
def _upsert_statement(dialect: str) -> Any:
    """The statement that inserts open reads, or adds to those that exist.

    Cached and run for a whole batch: building it for each row takes twenty times as long.
    """
    statement = upsert_into(dialect, open_reads)
    updates = {
        "requests": open_reads.c.requests + statement.excluded.requests,
        "bytes": open_reads.c.bytes + statement.excluded.bytes,
        "broken_off": statement.excluded.broken_off,
        "last_at": statement.excluded.last_at,
    }
    return statement.on_conflict_do_update(index_elements=[open_reads.c.id], set_=updates)


def _open_read_row(read_id: str, read: Read, totals: ReadTotals) -> dict[str, Any]:
    values = {name: getattr(totals, name) for name in ReadTotals.__dataclass_fields__}
    return {"id": read_id, **read._asdict(), **values}


def _record_read(
    conn: WriteConnection, read: Read, totals: ReadTotals, is_redirect: bool = False
) -> None:
    request_origin = RequestOrigin(read.address, totals.request_id)
    reader = RecordedUser(read.user_id, read.user_name, read.key_id, request_origin)
    detail = {"form": read.form, "requests": totals.requests, "bytes": totals.bytes}
    if totals.last_at != totals.began_at:
        detail["until"] = totals.last_at.isoformat(timespec="microseconds")
    result = "broken off" if totals.broken_off else "redirected" if is_redirect else "sent"
    account_id, file_id = read.account_id, read.file_id
    record(conn, account_id, reader, ACTION, totals.began_at, file_id, read.version, detail, result)
