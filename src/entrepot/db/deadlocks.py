"""Run a unit of work again that PostgreSQL ended, as it and another one waited for each other.

All work locks rows in one order (`quotas.reserve.lock_accounts`). Where that order is broken, by a
foreign key as well, PostgreSQL asks its clients to try again (PostgreSQL, 13.3.4). Nothing of the
ended transaction stays.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from sqlalchemy.exc import OperationalError

log = structlog.get_logger(__name__)
R = TypeVar("R")

MAX_ATTEMPTS = 3
PAUSE_SECONDS = 0.05
"""Before another attempt, which would else be ready for the freed row before who waited for it."""
DEADLOCK_DETECTED = "40P01"


def retry_deadlocks(attempt: Callable[[], R]) -> R:
    """What `attempt` returns, a whole transaction. Raises what it raises, the error of a deadlock
    after `MAX_ATTEMPTS`."""
    for _ in range(MAX_ATTEMPTS - 1):
        try:
            return attempt()
        except OperationalError as error:
            original: Any = error.orig
            if getattr(original, "sqlstate", None) != DEADLOCK_DETECTED:
                raise
            log.warning("a deadlock in the database; trying again", statement=error.statement)
            time.sleep(PAUSE_SECONDS)
    return attempt()
