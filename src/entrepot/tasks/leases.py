"""Leases of workers: a heartbeat each, so that a live worker takes over what a dead one left."""

from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from entrepot.db.tables import worker_leases
from entrepot.db.types import ReadConnection, WriteConnection


def beat(conn: WriteConnection, executor_id: str, now: datetime) -> None:
    """Say that this worker lives."""
    mine = worker_leases.c.executor_id == executor_id
    if not conn.execute(update(worker_leases).where(mine).values(heartbeat_at=now)).rowcount:
        conn.execute(insert(worker_leases).values(executor_id=executor_id, heartbeat_at=now))


def expired_leases(conn: ReadConnection, now: datetime, lease: timedelta) -> list[str]:
    """The executors that have not been heard of for the length of a lease."""
    dead = worker_leases.c.heartbeat_at < now - lease
    return list(conn.scalars(select(worker_leases.c.executor_id).where(dead)))


def drop_lease(conn: WriteConnection, executor_id: str) -> None:
    """Forget a worker that ended or whose work was taken over."""
    conn.execute(delete(worker_leases).where(worker_leases.c.executor_id == executor_id))
