"""Workers' leases, renewed by heartbeats, so that a live worker takes over from a dead one.

On PostgreSQL the database's clock measures them, since those of hosts differ.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, func, insert, literal, select, update

from entrepot.db.tables import worker_leases
from entrepot.db.types import ReadConnection, UtcTime, WriteConnection


def renew_lease(conn: WriteConnection, worker_name: str, now: datetime) -> None:
    """Record a heartbeat of this worker."""
    heartbeat_at = _lease_clock(conn, now)
    same_worker = worker_leases.c.executor_id == worker_name
    if not conn.execute(
        update(worker_leases).where(same_worker).values(heartbeat_at=heartbeat_at)
    ).rowcount:
        values = {"executor_id": worker_name, "heartbeat_at": heartbeat_at}
        conn.execute(insert(worker_leases).values(values))


def is_alive(
    conn: ReadConnection, worker_name: ColumnElement[str], lease: timedelta, now: datetime
) -> ColumnElement[bool]:
    """The condition that a worker had a heartbeat within the length of a lease."""
    return exists().where(
        worker_leases.c.executor_id == worker_name,
        worker_leases.c.heartbeat_at >= _lease_clock(conn, now, lease),
    )


def has_live_worker(conn: ReadConnection, now: datetime, lease: timedelta) -> bool:
    """Whether any worker had a heartbeat within the length of a lease."""
    live = worker_leases.c.heartbeat_at >= _lease_clock(conn, now, lease)
    return conn.scalar(select(worker_leases.c.executor_id).where(live).limit(1)) is not None


def count_live_workers(conn: ReadConnection, now: datetime, lease: timedelta) -> int:
    """How many workers had a heartbeat within the length of a lease."""
    live = worker_leases.c.heartbeat_at >= _lease_clock(conn, now, lease)
    query = select(func.count()).select_from(worker_leases).where(live)
    return conn.scalar(query) or 0


def drop_lease(conn: WriteConnection, worker_name: str) -> None:
    """Delete the lease of a worker that ended."""
    conn.execute(delete(worker_leases).where(worker_leases.c.executor_id == worker_name))


def _lease_clock(
    conn: ReadConnection, now: datetime, earlier: timedelta = timedelta(0)
) -> ColumnElement[datetime]:
    if conn.dialect.name == "postgresql":
        return func.clock_timestamp(type_=UtcTime()) - literal(earlier)
    return literal(now - earlier, UtcTime())
