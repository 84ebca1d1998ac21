"""Run a background task's work so that it ends, whatever fails."""

import threading
import time
from collections.abc import Callable

import structlog

from entrepot.inspection.results import PoolClosed

log = structlog.get_logger(__name__)

ATTEMPTS = 3
"""Tries of one run before the task fails for a fault of ours."""


def run_with_retries(name: str, work: Callable[[], None], give_up: Callable[[], None]) -> None:
    """Call `work`; what fails is logged and tried again after a pause, then `give_up` is called.

    The queue takes a run that raised for done, so none may lie there because of an error that
    nobody sees. Only where the worker is being stopped it does not return at all: so it is neither
    done nor failed, and is resumed at the next start.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            work()
        except PoolClosed:
            threading.Event().wait()  # the process ends meanwhile
        except Exception:
            log.exception(f"{name} could not run", attempt=attempt)
            if attempt < ATTEMPTS:
                time.sleep(attempt)
        else:
            return
    give_up()
