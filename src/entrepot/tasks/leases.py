"""Workers' leases, renewed by heartbeats, so that a live worker takes over from a dead one.

On PostgreSQL the database's clock measures them, since those of hosts differ.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Interval,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)

from entrepot.db.tables import worker_leases
from entrepot.db.types import ReadConnection, UtcTime, WriteConnection


def renew_lease(conn: WriteConnection, worker_name: str, now: datetime) -> None:
    """Record a heartbeat of this worker."""
    heartbeat_at: ColumnElement[datetime] = literal(now, UtcTime())
    if conn.dialect.name == "postgresql":
        heartbeat_at = func.clock_timestamp(type_=UtcTime())
    same_worker = worker_leases.c.executor_id == worker_name
    if not conn.execute(
        update(worker_leases).where(same_worker).values(heartbeat_at=heartbeat_at)
    ).rowcount:
        values = {"executor_id": worker_name, "heartbeat_at": heartbeat_at}
        conn.execute(insert(worker_leases).values(values))


def is_alive(dialect: str, worker_name: ColumnElement[str]) -> ColumnElement[bool]:
    """The condition that a worker had a heartbeat within the length of a lease, for a query that is
    built once; `lease_parameters` has its parameters."""
    return exists().where(worker_leases.c.executor_id == worker_name, _is_recent(dialect))


def lease_parameters(now: datetime, lease: timedelta) -> dict[str, Any]:
    """The parameters of `is_alive`."""
    return {"lease": lease, "lease_began": now - lease}


def has_live_worker(conn: ReadConnection, now: datetime, lease: timedelta) -> bool:
    """Whether any worker had a heartbeat within the length of a lease."""
    query = select(worker_leases.c.executor_id).where(_is_recent(conn.dialect.name)).limit(1)
    return conn.scalar(query, lease_parameters(now, lease)) is not None


def count_live_workers(conn: ReadConnection, now: datetime, lease: timedelta) -> int:
    """How many workers had a heartbeat within the length of a lease."""
    live = _is_recent(conn.dialect.name)
    query = select(func.count()).select_from(worker_leases).where(live)
    return conn.scalar(query, lease_parameters(now, lease)) or 0


def drop_lease(conn: WriteConnection, worker_name: str) -> None:
    """Delete the lease of a worker that ended."""
    conn.execute(delete(worker_leases).where(worker_leases.c.executor_id == worker_name))


def _is_recent(dialect: str) -> ColumnElement[bool]:
    began: ColumnElement[datetime] = bindparam("lease_began", type_=UtcTime())
    if dialect == "postgresql":
        began = func.clock_timestamp(type_=UtcTime()) - bindparam("lease", type_=Interval())
    return worker_leases.c.heartbeat_at >= began
