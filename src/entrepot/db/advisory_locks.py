"""Locks of PostgreSQL that belong to no row: a session holds one until it ends, whatever kills it.

An embedded database has none: the lock of its data folder keeps other processes away.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import func, select

from entrepot.db.engine import Database

RETRY_SECONDS = 0.2


class AdvisoryLockHeld(Exception):
    """Another session holds the lock."""


def lock_id_of(name: str) -> int:
    """The number of the lock for a name: 64 bits of its SHA-256."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


@contextmanager
def hold_advisory_lock(
    database: Database, lock_id: int, wait_seconds: float | None = None
) -> Iterator[None]:
    """Hold the lock within the block, on a connection of its own.

    Another holder is waited for until it lets go or has died, at most for `wait_seconds`. Raises
    AdvisoryLockHeld.
    """
    if database.embedded:
        yield
        return
    deadline = None if wait_seconds is None else time.monotonic() + wait_seconds
    with database.engine.connect() as conn:
        if deadline is None:
            conn.execute(select(func.pg_advisory_lock(lock_id)))
        while deadline is not None and not conn.scalar(select(func.pg_try_advisory_lock(lock_id))):
            conn.commit()
            if time.monotonic() > deadline:
                raise AdvisoryLockHeld
            time.sleep(RETRY_SECONDS)
        conn.commit()
        try:
            yield
        finally:
            conn.execute(select(func.pg_advisory_unlock(lock_id)))
            conn.commit()
