"""Start the server's processes, restart one that dies, and end them in order."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import structlog

from entrepot.cli.data_folder import node_id
from entrepot.cli.process import WORKER_DRAIN, dump_settings
from entrepot.errors import StartRefused
from entrepot.settings import Settings

log = structlog.get_logger(__name__)

READY_WITHIN = 60.0
"""Seconds a process may take to start."""
RESTARTS = 10
"""Restarts of one process within a minute after which the supervisor gives up."""


@dataclass
class Child:
    """One process of the server and when it was started."""

    role: Literal["api", "worker"]
    index: int
    process: subprocess.Popen[bytes]
    starts: list[float]


class Supervisor:
    """The server's processes. `lock` is the data folder's lock, which they inherit, so that it
    is held until the last of them is gone.
    """

    def __init__(self, settings: Settings, lock: int) -> None:
        self._settings = settings
        self._lock = lock
        self._children: list[Child] = []
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
        waiting = []
        if self._settings.role in ("all", "worker"):
            waiting += [self._start("worker", n) for n in range(self._settings.workers)]
        if self._settings.role in ("all", "api"):
            waiting.append(self._start("api", 0))
        for child, ready in waiting:
            self._wait_ready(child, ready)

    def _start(
        self, role: Literal["api", "worker"], index: int, starts: list[float] | None = None
    ) -> tuple[Child, int]:
        ready, theirs = os.pipe()
        os.set_inheritable(theirs, True)
        process = subprocess.Popen(
            [sys.executable, "-m", "entrepot.cli.process", role, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=sys.stderr,
            pass_fds=(theirs, self._lock),
            start_new_session=True,
        )
        os.close(theirs)
        order = {
            "role": role,
            "ready": theirs,
            "executor_id": f"{node_id(self._settings.data)}-{index}",
            "settings": dump_settings(self._settings),
        }
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.close()
        except BrokenPipeError:
            pass  # it died at once; the wait below says so
        child = Child(role, index, process, [*(starts or []), time.monotonic()])
        self._children.append(child)
        return child, ready

    def _wait_ready(self, child: Child, ready: int) -> None:
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
                reason=f"The {child.role} process did not start; its messages are above."
            )

    def _restart_dead(self) -> bool:
        """Start again what has died; False if something dies too often."""
        for child in [c for c in self._children if c.process.poll() is not None]:
            self._children.remove(child)
            recent = [start for start in child.starts if start > time.monotonic() - 60]
            code = child.process.returncode
            log.error("process died", role=child.role, index=child.index, status=code)
            if len(recent) > RESTARTS:
                log.error("it dies again and again; giving up", role=child.role)
                return False
            time.sleep(0.1 * len(recent))
            started, ready = self._start(child.role, child.index, recent)
            os.close(ready)
            log.info("process restarted", role=started.role, pid=started.process.pid)
        return True

    def _end_all(self) -> None:
        # Requests first: what they acknowledge, a worker may still get done.
        for role, patience in (
            ("api", self._settings.drain_timeout + 2),
            ("worker", WORKER_DRAIN + 5),
        ):
            ending = [child for child in self._children if child.role == role]
            for child in ending:
                if child.process.poll() is None:
                    child.process.terminate()
            deadline = time.monotonic() + patience
            for child in ending:
                try:
                    child.process.wait(max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    log.warning("process killed after its time", role=role)
                    child.process.kill()
                    child.process.wait()
