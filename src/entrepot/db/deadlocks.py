"""Run a unit of work again that PostgreSQL ended, as it and another one waited for each other.

All work locks rows in one order (`quotas.reserve.lock_accounts`). Where that order is broken, by a
foreign key as well, PostgreSQL asks its clients to try again (PostgreSQL, 13.3.4). Nothing of the
ended transaction stays.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy.exc import OperationalError

MAX_ATTEMPTS = 3
PAUSE_SECONDS = 0.05
"""Before another attempt, which would else be ready for the freed row before who waited for it."""
DEADLOCK_DETECTED = "40P01"


def attempts_at_transaction() -> Iterator[AbstractContextManager[None, bool | None]]:
    """Attempts, each the context of one whole transaction that returns from its function.

    The next one comes after a deadlock alone; the last one raises it.
    """
    for attempts_left in reversed(range(MAX_ATTEMPTS)):
        yield _attempt(attempts_left)


@contextmanager
def _attempt(attempts_left: int) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        original: Any = error.orig
        if not attempts_left or getattr(original, "sqlstate", None) != DEADLOCK_DETECTED:
            raise
        import structlog  # takes a tenth of the start of a command

        log = structlog.get_logger(__name__)
        log.warning("a deadlock in the database; trying again", statement=error.statement)
        time.sleep(PAUSE_SECONDS)
