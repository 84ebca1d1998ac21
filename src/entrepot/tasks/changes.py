"""Notify the processes that wait for it of each change of a task or a run, with the id of its row.

On PostgreSQL each transaction that changes some notifies once, right behind its commit, in the same
exchange with the server. A transaction that notifies itself keeps others that do from their commits
until its own is on the disk. What is lost where a process or a connection ends between the two is
seen by whoever waits at their next look. On SQLite, where a look at the number of the database's
state costs microseconds, nobody is notified.
"""

import json
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from sqlalchemy import TextClause, text

from entrepot.db.engine import before_commit
from entrepot.db.inserts import run_after_commit
from entrepot.db.types import WriteConnection

CHANNEL = "entrepot_changes"
IDS_PER_NOTIFICATION = 100
"""A notification has less than 8,000 bytes (PostgreSQL, NOTIFY)."""


@dataclass(frozen=True)
class RowState:
    """The state of a task or a run: its revision, and whether it has ended."""

    revision: int
    has_ended: bool


def note_change(conn: WriteConnection, row_id: UUID, has_ended: bool = False) -> None:
    """Notify of the change of a task or a run once the transaction is committed; `has_ended`: it
    does not change again."""
    if conn.dialect.name == "postgresql":
        before_commit(conn, _notify, (row_id, has_ended))


def read_changes(payload: str) -> dict[UUID, bool]:
    """The ids of a notification, and whether each row has ended."""
    return {UUID(row_id): has_ended for row_id, has_ended in json.loads(payload).items()}


def _notify(conn: WriteConnection, changes: list[tuple[UUID, bool]]) -> None:
    ended = {row_id: any(has for other, has in changes if other == row_id) for row_id, _ in changes}
    items = [(row_id.hex, has_ended) for row_id, has_ended in ended.items()]
    for start in range(0, len(items), IDS_PER_NOTIFICATION):
        some = dict(items[start : start + IDS_PER_NOTIFICATION])
        payload = json.dumps(some, separators=(",", ":"))
        run_after_commit(conn, _statement(), {"channel": CHANNEL, "payload": payload})


@cache
def _statement() -> TextClause:
    return text("SELECT pg_notify(:channel, :payload)")
