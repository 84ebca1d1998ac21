"""Do things at the same time: threads that are released at once."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tests.support.wait import PATIENCE

T = TypeVar("T")


def all_at_once(*works: Callable[[], T]) -> Sequence[T | Exception]:
    """Run each in a thread of its own, all released by one barrier; what each returned or raised,
    in order."""
    barrier = threading.Barrier(len(works), timeout=PATIENCE)

    def run(work: Callable[[], T]) -> T | Exception:
        barrier.wait()
        try:
            return work()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(run, works))
