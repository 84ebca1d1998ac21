"""Workers' leases, renewed by heartbeats, so that a live worker takes over from a dead one."""

from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from entrepot.db.tables import worker_leases
from entrepot.db.types import ReadConnection, WriteConnection


def renew_lease(conn: WriteConnection, executor_id: str, now: datetime) -> None:
    """Record a heartbeat of this worker."""
    same_executor = worker_leases.c.executor_id == executor_id
    if not conn.execute(
        update(worker_leases).where(same_executor).values(heartbeat_at=now)
    ).rowcount:
        conn.execute(insert(worker_leases).values(executor_id=executor_id, heartbeat_at=now))


def find_expired_leases(conn: ReadConnection, now: datetime, lease: timedelta) -> list[str]:
    """The executors without a heartbeat for the length of a lease."""
    expired = worker_leases.c.heartbeat_at < now - lease
    return list(conn.scalars(select(worker_leases.c.executor_id).where(expired)))


def has_live_worker(conn: ReadConnection, now: datetime, lease: timedelta) -> bool:
    """Whether any worker had a heartbeat within the length of a lease."""
    live = worker_leases.c.heartbeat_at >= now - lease
    return conn.scalar(select(worker_leases.c.executor_id).where(live).limit(1)) is not None


def drop_lease(conn: WriteConnection, executor_id: str) -> None:
    """Delete the lease of a worker that ended or whose work was taken over."""
    conn.execute(delete(worker_leases).where(worker_leases.c.executor_id == executor_id))
