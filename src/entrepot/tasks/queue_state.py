"""What waits and runs in the queue now, for those who watch the server."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import case, func, select

from entrepot.db.tables import queue_entries
from entrepot.db.types import ReadConnection

QueueState = Literal["waiting", "delayed", "running"]
"""`delayed` is not tried before its time, since it has failed lately."""


@dataclass(frozen=True)
class QueueLevel:
    """How many entries of a kind are in a state, and the seconds since the oldest was enqueued."""

    kind: str
    state: QueueState
    entries: int
    oldest_seconds: float


def read_queue_levels(conn: ReadConnection, now: datetime) -> list[QueueLevel]:
    """The levels of all kinds that have entries."""
    state = case(
        (queue_entries.c.state == "running", "running"),
        (queue_entries.c.not_before > now, "delayed"),
        else_="waiting",
    ).label("level")
    count, oldest = func.count().label("entries"), func.min(queue_entries.c.enqueued_at)
    query = select(queue_entries.c.kind, state, count, oldest.label("oldest"))
    rows = conn.execute(query.group_by(queue_entries.c.kind, state))
    return [
        QueueLevel(row.kind, row.level, row.entries, max(0.0, (now - row.oldest).total_seconds()))
        for row in rows
    ]
