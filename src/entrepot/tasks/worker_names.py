"""Two workers never have one name: the second would take what the first runs for its own.

Names come from data folders, of which a copy may run on another host. PostgreSQL's advisory locks
tell: a session holds the lock of its worker's name for as long as its process lives.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import func, select

from entrepot.db.engine import Database

LOCK_CLASS = 7_162_401
"""The first half of the locks' numbers (any fixed number); the second is the hash of the name."""
RETRY_SECONDS = 0.2


class WorkerNameTaken(Exception):
    """A worker of this name lives, on another copy of the data folder."""


@contextmanager
def hold_worker_name(database: Database, name: str, wait_seconds: float) -> Iterator[None]:
    """Hold the name within the block; on an embedded database the data folder's lock does.

    A killed worker of this name is waited for: PostgreSQL may see its end a little later. Raises
    WorkerNameTaken.
    """
    if database.embedded:
        yield
        return
    query = select(func.pg_try_advisory_lock(LOCK_CLASS, func.hashtext(name)))
    deadline = time.monotonic() + wait_seconds
    with database.engine.connect() as conn:
        while not conn.scalar(query):
            conn.commit()
            if time.monotonic() > deadline:
                raise WorkerNameTaken
            time.sleep(RETRY_SECONDS)
        conn.commit()
        yield
