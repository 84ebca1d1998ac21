"""Chain the record of each account, so that a row changed, removed or put in later is found.

Each row carries the SHA-256 of the one before it in its account and of all that it says itself; the
account's head repeats the hash of its newest row, so that the newest ones cannot go unseen either.
Rows are chained right before the commit: a head is the last lock that a transaction takes, those
of several accounts in their order, so that nobody who holds one ever waits for anything else
(`docs/decisions/0021-activity.md`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from entrepot.blobs.store import BlobStore
from entrepot.db.tables import activity, activity_heads
from entrepot.db.types import ReadConnection, WriteConnection

START = "0" * 64
"""What stands for the row before an account's first."""
SAID = (
    "at", "account_id", "user_id", "user_name", "key_id", "address", "request_id", "action",
    "result", "file_id", "version", "detail",
)  # fmt: skip
"""The columns that a row's hash covers: all but its number, which the database gives."""


def seal(previous: str, said: Mapping[Any, Any]) -> str:
    """The hash of a row that says this after one with the hash `previous`.

    It is that of the ASCII text `previous`, a line feed, and the row as JSON with sorted keys and
    no spaces; times are UTC with microseconds, ids as RFC 9562 writes them.
    """
    text = json.dumps(as_json(said), sort_keys=True, separators=(",", ":"))
    return sha256(f"{previous}\n{text}".encode()).hexdigest()


def as_json(said: Mapping[Any, Any]) -> dict[str, Any]:
    """What a row says, as its hash covers it and as it is exported."""
    return {name: _plain(said[name]) for name in SAID}


def append(conn: WriteConnection, said: Iterable[dict[str, Any]]) -> None:
    """Chain and write the rows of one transaction, in the order in which they were recorded."""
    by_account = itemgetter("account_id")
    for account_id, rows in groupby(sorted(said, key=by_account), by_account):
        head = _lock_head(conn, account_id)
        chained = []
        for row in rows:
            head = seal(head, row)
            chained.append({**row, "hash": head})
        conn.execute(insert(activity), chained)
        _move_head(conn, account_id, head)


def chain_whole(conn: WriteConnection) -> None:
    """Chain every row that is there, of all accounts: what a migration does with older records."""
    heads = select(activity.c.account_id).distinct()
    for account_id in conn.scalars(heads.order_by(activity.c.account_id)).all():
        head, last = START, 0
        _lock_head(conn, account_id)
        while rows := _after(conn, account_id, last):
            sealed = []
            for row in rows:
                head, last = seal(head, row), row["id"]
                sealed.append({"row_id": last, "sealed": head})
            mine = activity.c.id == bindparam("row_id")
            conn.execute(update(activity).where(mine).values(hash=bindparam("sealed")), sealed)
        _move_head(conn, account_id, head)


def chains_are_whole(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """Each row of the record is as it was written, none is missing and none was put in."""
    del store, now
    # Rows and heads in one statement, so that both are of one moment beside a running server.
    rows = select(activity, activity_heads.c.hash.label("head")).outerjoin(
        activity_heads, activity_heads.c.account_id == activity.c.account_id
    )
    ordered = rows.order_by(activity.c.account_id, activity.c.id)
    found = conn.execute(ordered.execution_options(yield_per=500))
    for account_id, of_account in groupby(found, attrgetter("account_id")):
        yield from _check_account(account_id, of_account)
    any_row = select(activity.c.id).where(activity.c.account_id == activity_heads.c.account_id)
    for account_id in conn.scalars(select(activity_heads.c.account_id).where(~any_row.exists())):
        yield f"all activity of account {account_id} was removed"


def _check_account(account_id: UUID, rows: Iterable[Any]) -> Iterator[str]:
    previous = head = START
    for row in rows:
        if row.hash != seal(previous, row._mapping):
            yield (
                f"activity {row.id} of account {account_id} was changed or put in, "
                "or what came before it was"
            )
        previous, head = row.hash, row.head
    if previous != head:
        yield f"the newest activity of account {account_id} was removed or put in"


def _after(conn: ReadConnection, account_id: UUID, last: int) -> Sequence[Mapping[Any, Any]]:
    # The columns by name: an older database has none of those to come.
    columns = (activity.c.id, *(activity.c[name] for name in SAID))
    found = select(*columns).where(activity.c.account_id == account_id, activity.c.id > last)
    return conn.execute(found.order_by(activity.c.id).limit(1000)).mappings().all()


def _lock_head(conn: WriteConnection, account_id: UUID) -> str:
    """The hash of the account's newest row, locked: who comes next reads what we make of it."""
    mine = select(activity_heads.c.hash).where(activity_heads.c.account_id == account_id)
    head: str | None = conn.scalar(mine.with_for_update())
    if head is None:
        make = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
        first = make(activity_heads).values(account_id=account_id, hash=START)
        conn.execute(first.on_conflict_do_nothing())
        head = conn.scalar(mine.with_for_update())
    return head or START


def _move_head(conn: WriteConnection, account_id: UUID, head: str) -> None:
    mine = activity_heads.c.account_id == account_id
    conn.execute(update(activity_heads).where(mine).values(hash=head))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, UUID) else value
