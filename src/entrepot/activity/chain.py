"""Chain the activity rows of each account by hashes, so that tampering is detected.

Each row stores the SHA-256 of its own content and of the row before it in its account. The
account's head repeats the hash of its newest row, so that the removal of the newest rows is
detected too. Rows are chained right before the commit. A head is the last lock that a transaction
takes, and it locks the heads of several accounts in the order of their ids, so no two transactions
wait for each other (`docs/decisions/0021-activity.md`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Update, bindparam, select, update

from entrepot.blobs.store import BlobStore
from entrepot.db.inserts import insert_if_absent, insert_row, run_later
from entrepot.db.tables import activity, activity_heads
from entrepot.db.types import ReadConnection, WriteConnection, uuid_parameter

INITIAL_HASH = "0" * 64
"""The hash before an account's first row."""
HASHED_COLUMNS = (
    "at", "account_id", "user_id", "user_name", "key_id", "address", "request_id", "action",
    "result", "file_id", "version", "detail",
)  # fmt: skip
"""The columns that a row's hash covers: all but `id`, which the database assigns."""


def hash_row(previous: str, row: Mapping[Any, Any]) -> str:
    """The hash of a row that follows a row with the hash `previous`.

    The SHA-256 of the ASCII text `previous`, a line feed, and the row as JSON with sorted keys and
    no spaces. Times are UTC with microseconds, ids are written as in RFC 9562.
    """
    text = json.dumps(row_to_json(row), sort_keys=True, separators=(",", ":"))
    return sha256(f"{previous}\n{text}".encode()).hexdigest()


def row_to_json(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The content of a row as JSON values: what its hash covers and what an export contains."""
    return {name: _json_value(row[name]) for name in HASHED_COLUMNS}


def append_rows(conn: WriteConnection, rows: Iterable[dict[str, Any]]) -> None:
    """Chain and insert the rows of one transaction in the order in which they were recorded."""
    by_account = itemgetter("account_id")
    for account_id, account_rows in groupby(sorted(rows, key=by_account), by_account):
        head = _lock_head(conn, account_id)
        for row in account_rows:
            head = hash_row(head, row)
            insert_row(conn, activity, **row, hash=head)
        _set_head(conn, account_id, head)


def chain_all_rows(conn: WriteConnection) -> None:
    """Chain all rows of all accounts. A migration does this with the rows of older releases."""
    heads = select(activity.c.account_id).distinct()
    for account_id in conn.scalars(heads.order_by(activity.c.account_id)).all():
        head, last = INITIAL_HASH, 0
        _lock_head(conn, account_id)
        while rows := _rows_after(conn, account_id, last):
            hashes = []
            for row in rows:
                head, last = hash_row(head, row), row["id"]
                hashes.append({"row_id": last, "row_hash": head})
            same_row = activity.c.id == bindparam("row_id")
            conn.execute(
                update(activity).where(same_row).values(hash=bindparam("row_hash")), hashes
            )
        _set_head(conn, account_id, head)


def check_chains(conn: ReadConnection, store: BlobStore, now: datetime) -> Iterator[str]:
    """Check that each row is as it was written, and that no row is missing or was added."""
    del store, now
    # One statement reads rows and heads, so that both are of one moment beside a running server.
    rows = select(activity, activity_heads.c.hash.label("head")).outerjoin(
        activity_heads, activity_heads.c.account_id == activity.c.account_id
    )
    query = rows.order_by(activity.c.account_id, activity.c.id)
    result = conn.execute(query.execution_options(yield_per=500))
    for account_id, account_rows in groupby(result, attrgetter("account_id")):
        yield from _check_account(account_id, account_rows)
    any_row = select(activity.c.id).where(activity.c.account_id == activity_heads.c.account_id)
    for account_id in conn.scalars(select(activity_heads.c.account_id).where(~any_row.exists())):
        yield f"all activity of account {account_id} was removed"


def _check_account(account_id: UUID, rows: Iterable[Any]) -> Iterator[str]:
    previous = head = INITIAL_HASH
    for row in rows:
        if row.hash != hash_row(previous, row._mapping):
            yield (
                f"activity {row.id} of account {account_id} was changed or added, "
                "or what came before it was"
            )
        previous, head = row.hash, row.head
    if previous != head:
        yield f"the newest activity of account {account_id} was removed or added"


def _rows_after(
    conn: ReadConnection, account_id: UUID, last_id: int
) -> Sequence[Mapping[Any, Any]]:
    # Names each column: a migration runs this on an older database, which lacks later columns.
    columns = (activity.c.id, *(activity.c[name] for name in HASHED_COLUMNS))
    query = select(*columns).where(activity.c.account_id == account_id, activity.c.id > last_id)
    return conn.execute(query.order_by(activity.c.id).limit(1000)).mappings().all()


def _lock_head(conn: WriteConnection, account_id: UUID) -> str:
    """The hash of the account's newest row, locked: the next writer reads the head that we set."""
    head: str | None = conn.scalar(_head_query(), {"of_account": account_id})
    if head is None:
        insert_if_absent(conn, activity_heads, account_id=account_id, hash=INITIAL_HASH)
        head = conn.scalar(_head_query(), {"of_account": account_id})
    return head or INITIAL_HASH


@cache
def _head_query() -> Select[str]:
    same_account = activity_heads.c.account_id == uuid_parameter("of_account")
    return select(activity_heads.c.hash).where(same_account).with_for_update()


def _set_head(conn: WriteConnection, account_id: UUID, head: str) -> None:
    run_later(conn, _set_head_statement(), {"of_account": account_id, "head": head})


@cache
def _set_head_statement() -> Update:
    same_account = activity_heads.c.account_id == uuid_parameter("of_account")
    return update(activity_heads).where(same_account).values(hash=bindparam("head"))


def _json_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, UUID) else value
