"""Reads: noted in memory, written to the record in batches, and the requests of one as one row.

Who reads small files a thousand times a second must not commit as often. So a read is noted by the
process that serves it, and what was noted is written at least once a second
(`http.downloads.read_log`): a crash loses at most the last second of it.

A read of one request is a row at once. One that takes several, as of ranges or of pages, or long,
goes on in `open_reads` until it has been quiet for `QUIET`, or went on for `LONGEST`, and becomes
one row then. Since `open_reads` is a table, neither the end of the server nor a crash forgets it.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from entrepot.activity.record import RequestOrigin, record
from entrepot.db.tables import open_reads
from entrepot.db.types import ReadConnection, WriteConnection

ACTION = "version.read"
QUIET = timedelta(seconds=60)
"""Requests of one read are not further apart."""
LONGEST = timedelta(hours=1)
"""A read that goes on for longer is written, and goes on as another."""
MOST = 500
"""Reads that are ended in one transaction."""


class Read(NamedTuple):
    """Who reads what from where: the requests of one read have all of this in common.

    `account_id` is the account that owns the file, whose record it is; `form` is `original`, or
    what was made of the version.
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
        """What stands for it in `open_reads`."""
        return sha256(json.dumps(self, default=str).encode()).hexdigest()


@dataclass(slots=True)
class Noted:
    """What was noted of a read: its first request's id, how many there were, and the bytes sent."""

    request_id: str
    began_at: datetime
    last_at: datetime
    requests: int = 0
    bytes: int = 0
    broken_off: bool = False


Batch = dict[tuple[Read, bool], Noted]
"""By the read, and whether it may go on."""


class ReadBuffer:
    """What was noted and not written yet. Used by the event loop's thread alone."""

    def __init__(self) -> None:
        self._noted: Batch = {}

    def note(
        self,
        read: Read,
        request_id: str,
        now: datetime,
        *,
        goes_on: bool,
        sent: int = 0,
        requests: int = 1,
        broken_off: bool = False,
    ) -> None:
        """Note `sent` bytes of a read. `goes_on`: further requests, or bytes, may belong to it.

        A further call for the same request says so by `requests=0`.
        """
        noted = self._noted.get((read, goes_on))
        if noted is None:
            noted = self._noted[read, goes_on] = Noted(request_id, now, now)
        noted.last_at = now
        noted.requests += requests
        noted.bytes += sent
        noted.broken_off = broken_off

    def take(self) -> Batch:
        """All that was noted; it is the caller's to write, or to give back."""
        taken, self._noted = self._noted, {}
        return taken

    def give_back(self, batch: Batch) -> None:
        """Note again what could not be written."""
        later = self.take()
        self._noted = batch
        for key, noted in later.items():
            before = self._noted.setdefault(key, noted)
            if before is not noted:
                before.last_at, before.broken_off = noted.last_at, noted.broken_off
                before.requests += noted.requests
                before.bytes += noted.bytes


def write_reads(conn: WriteConnection, batch: Batch, now: datetime) -> None:
    """Write what was noted: reads of one request to the record, others to `open_reads`."""
    for (read, goes_on), noted in batch.items():
        if not goes_on:
            _record(conn, read, noted)
    # In one order, so that two processes which serve the same reads never wait for each other.
    going_on = sorted((read.id, read, noted) for (read, goes_on), noted in batch.items() if goes_on)
    if going_on:
        conn.execute(_adding(conn.dialect.name), [_open(*each) for each in going_on])
    end_reads(conn, now)


def any_ended(conn: ReadConnection, now: datetime) -> bool:
    """Whether a read has been quiet for long enough to be written."""
    return conn.execute(select(open_reads.c.id).where(_ended(now)).limit(1)).first() is not None


def end_reads(conn: WriteConnection, now: datetime) -> None:
    """Write to the record what has been quiet, or went on, for long enough."""
    ended = select(open_reads).where(_ended(now)).order_by(open_reads.c.last_at).limit(MOST)
    rows = conn.execute(ended.with_for_update(skip_locked=True)).all()
    if not rows:
        return
    conn.execute(delete(open_reads).where(open_reads.c.id.in_([row.id for row in rows])))
    for row in rows:
        said = row._mapping
        read = Read(*(said[name] for name in Read._fields))
        _record(conn, read, Noted(*(said[name] for name in Noted.__dataclass_fields__)))


def _ended(now: datetime) -> Any:
    return or_(open_reads.c.last_at <= now - QUIET, open_reads.c.began_at <= now - LONGEST)


@cache
def _adding(dialect: str) -> Any:
    """The statement that begins open reads, or adds to those that are there.

    Built once and run for a whole batch: built for each row it takes twenty times as long.
    """
    made = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(open_reads)
    more = {
        "requests": open_reads.c.requests + made.excluded.requests,
        "bytes": open_reads.c.bytes + made.excluded.bytes,
        "broken_off": made.excluded.broken_off,
        "last_at": made.excluded.last_at,
    }
    return made.on_conflict_do_update(index_elements=[open_reads.c.id], set_=more)


def _open(read_id: str, read: Read, noted: Noted) -> dict[str, Any]:
    figures = {name: getattr(noted, name) for name in Noted.__dataclass_fields__}
    return {"id": read_id, **read._asdict(), **figures}


@dataclass(frozen=True)
class _ReaderIdentity:
    user_id: UUID
    user_name: str
    key_id: UUID | None
    request_origin: RequestOrigin


def _record(conn: WriteConnection, read: Read, noted: Noted) -> None:
    request_origin = RequestOrigin(read.address, noted.request_id)
    reader = _ReaderIdentity(read.user_id, read.user_name, read.key_id, request_origin)
    detail = {"form": read.form, "requests": noted.requests, "bytes": noted.bytes}
    if noted.last_at != noted.began_at:
        detail["until"] = noted.last_at.isoformat(timespec="microseconds")
    result = "broken off" if noted.broken_off else "sent"
    account_id, file_id = read.account_id, read.file_id
    record(conn, account_id, reader, ACTION, noted.began_at, file_id, read.version, detail, result)
