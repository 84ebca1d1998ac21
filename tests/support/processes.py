"""Find the processes of a server, and wait for the end of processes, whoever their parent is."""

from collections.abc import Sequence
from contextlib import suppress

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


def wait_playing(supervisor_pid: int, role: str, count: int) -> list[psutil.Process]:
    """The supervisor's processes with a role (`api`, `worker`, `metrics`), once it has `count`.

    A process takes its title a moment after it was forked, which may be after the API is ready. And
    what it forks has the same title until it runs another program: only children are looked at.
    """
    playing: list[psutil.Process] = []

    def all_play() -> bool:
        children = psutil.Process(supervisor_pid).children()
        playing[:] = [each for each in children if _has(each, role)]
        return len(playing) == count

    wait_until(all_play, lambda: f"{count} processes have the role {role}: {playing}")
    return playing


def _has(process: psutil.Process, role: str) -> bool:
    try:
        return f"entrepot: {role} " in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


def find_inspectors(supervisor_pid: int) -> list[psutil.Process]:
    """The processes that inspecting ones are forked from, and those."""
    inspectors = []
    for child in psutil.Process(supervisor_pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "entrepot.inspection.sandbox.forkserver" in child.cmdline():
                inspectors.append(child)
    return inspectors
