"""Start the server's processes, restart one that dies, and end them in order.

They are forked, not started anew: importing the server costs 2.5 s of CPU, and what was imported
is memory that they share. So the supervisor has one thread and no connection when it forks.
"""

import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkProcess

import structlog

from entrepot.cli.loading import load_api
from entrepot.cli.process import WORKER_DRAIN, ProcessRole, run_process
from entrepot.errors import StartRefused
from entrepot.settings import Settings

log = structlog.get_logger(__name__)

READY_WITHIN = 60.0
"""Seconds a process may take to start."""
RESTARTS = 10
"""Restarts of one process within a minute after which the supervisor gives up."""


@dataclass
class SupervisedProcess:
    """One process of the server and when it was started."""

    part: ProcessRole
    process: ForkProcess
    starts: list[float]


class Supervisor:
    """The server's processes. They inherit the data folder's lock, so that it is held until the
    last of them is gone.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._children: list[SupervisedProcess] = []
        self._stopping = False

    def run(self, when_ready: Callable[[], None]) -> int:
        """Run until SIGTERM or SIGINT; the exit status. Raises StartRefused."""
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            self._start_all()
            if not self._stopping:
                when_ready()
            while not self._stopping:
                # Sleeps in the kernel until a signal comes: an idle supervisor costs nothing.
                select.select([wake_read], [], [])
                os.read(wake_read, 4096)
                if not self._stopping and not self._restart_dead():
                    return 1
            return 0
        finally:
            self._end_all()
            signal.set_wakeup_fd(-1)
            os.close(wake_read)
            os.close(wake_write)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _start_all(self) -> None:
        if self._settings.role != "worker":
            load_api()
        waiting = []
        if self._settings.role in ("all", "worker"):
            waiting += [
                self._start(ProcessRole("worker", n)) for n in range(self._settings.workers)
            ]
        if self._settings.role in ("all", "api"):
            waiting.append(self._start(ProcessRole("api", 0)))
        for child, ready in waiting:
            self._wait_ready(child, ready)

    def _start(
        self, part: ProcessRole, starts: list[float] | None = None
    ) -> tuple[SupervisedProcess, int]:
        ready, theirs = os.pipe()
        process = get_context("fork").Process(
            target=run_process,
            args=(part, self._settings, theirs, os.getpid()),
            name=part.name,
        )
        process.start()
        os.close(theirs)
        child = SupervisedProcess(part, process, [*(starts or []), time.monotonic()])
        self._children.append(child)
        return child, ready

    def _wait_ready(self, child: SupervisedProcess, ready: int) -> None:
        deadline = time.monotonic() + READY_WITHIN
        try:
            while not self._stopping and time.monotonic() < deadline:
                readable, _, _ = select.select([ready], [], [], 0.5)
                if readable:
                    if os.read(ready, 16):
                        return
                    break
        finally:
            os.close(ready)
        if not self._stopping:
            raise StartRefused(
                reason=f"The {child.part.role} process did not start; its messages are above."
            )

    def _restart_dead(self) -> bool:
        """Start again what has died; False if something dies too often."""
        for child in [c for c in self._children if not c.process.is_alive()]:
            self._children.remove(child)
            recent = [start for start in child.starts if start > time.monotonic() - 60]
            part, code = child.part, child.process.exitcode
            log.error("process died", role=part.role, index=part.index, status=code)
            if len(recent) > RESTARTS:
                log.error("it dies again and again; giving up", role=part.role)
                return False
            time.sleep(0.1 * len(recent))
            started, ready = self._start(part, recent)
            os.close(ready)
            log.info("process restarted", role=part.role, pid=started.process.pid)
        return True

    def _end_all(self) -> None:
        # Requests first: what they acknowledge, a worker may still get done.
        for role, patience in (
            ("api", self._settings.drain_timeout + 2),
            ("worker", WORKER_DRAIN + 5),
        ):
            ending = [child for child in self._children if child.part.role == role]
            for child in ending:
                child.process.terminate()
            deadline = time.monotonic() + patience
            for child in ending:
                child.process.join(max(0.1, deadline - time.monotonic()))
                if child.process.is_alive():
                    log.warning("process killed after its time", role=role)
                    child.process.kill()
                    child.process.join()
