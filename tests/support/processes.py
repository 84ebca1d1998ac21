"""Wait for the end of processes, whoever their parent is."""

from collections.abc import Sequence

import psutil
from tests.support.wait import PATIENCE, wait_until


def is_running(process: psutil.Process) -> bool:
    """Whether it has not ended, and may hold ports and locks.

    One that nobody waits for stays in the list of processes, as a zombie: orphans do where process
    1 does not reap them, as in many containers. A killed process is a zombie as soon as its first
    thread has ended, while its others may still hold what is open.
    """
    try:
        if not process.is_running():
            return False
        return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
    except psutil.NoSuchProcess:
        return False


def wait_ended(processes: Sequence[psutil.Process], seconds: float = PATIENCE) -> None:
    """Until all of them have ended."""

    def running() -> list[psutil.Process]:
        return [process for process in processes if is_running(process)]

    wait_until(lambda: not running(), lambda: f"they end: {running()}", seconds)
