"""Start the server's processes, restart one that dies, and end them in order.

They are forked, not started from nothing: importing the server takes 2.5 s of CPU, and forked
processes share the memory of the imported modules. So the supervisor has one thread and no
connection when it forks.
"""

import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from typing import TypeVar

import structlog

from entrepot.cli.data_folder import read_node_id
from entrepot.cli.forked_work import ForkedWork
from entrepot.cli.loading import load_api
from entrepot.cli.process import WORKER_DRAIN_SECONDS, ProcessRole, run_process
from entrepot.errors import StartRefused
from entrepot.inspection.sandbox.spawn import LoadingFork
from entrepot.metrics.shared_files import prepare_folder
from entrepot.settings import Settings
from entrepot_client.cli.interruption import STOP_SIGNALS, handle_stop_signals

log = structlog.get_logger(__name__)

T = TypeVar("T")

READY_TIMEOUT_SECONDS = 60.0
"""Time that a process may take to start."""
MAX_RESTARTS_PER_MINUTE = 10
"""The supervisor gives up if one process restarts more often."""


@dataclass
class SupervisedProcess:
    """One process of the server and the times at which it was started."""

    role: ProcessRole
    process: ForkProcess
    starts: list[float]


class Supervisor:
    """The server's processes. They inherit the data folder's lock, so that it is held until the
    last of them has ended. Raises StartRefused if the folder cannot be used."""

    def __init__(self, settings: Settings, fork_servers: Sequence[LoadingFork] = ()) -> None:
        self._settings = settings
        self._fork_servers = fork_servers
        self._children: list[SupervisedProcess] = []
        self._stopping = False
        # Before there are several processes, each of which could make one.
        self._node = read_node_id(settings.data)

    def run(self, prepare: Callable[[], T], when_ready: Callable[[T], None]) -> int:
        """Run until SIGTERM or SIGINT; the exit status. Raises StartRefused.

        `prepare` runs in a process of its own before the others begin to work; what it returns is
        pickled, and given to `when_ready` once all of them do.
        """
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write)
        handle_stop_signals(self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            prepared = self._start_all(prepare)
            if not self._stopping:
                when_ready(prepared)
            while not self._stopping:
                # Sleeps in the kernel until a signal comes: an idle supervisor costs nothing.
                select.select([wake_read], [], [])
                os.read(wake_read, 4096)
                if not self._stopping and not self._restart_dead():
                    return 1
            return 0
        finally:
            self._stop_all()
            signal.set_wakeup_fd(-1)
            os.close(wake_read)
            os.close(wake_write)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _start_all(self, prepare: Callable[[], T]) -> T:
        """Start the processes. With a second core, fork servers load the engine, and the supervisor
        the API, while the installation is prepared (ADR 0079). Workers wait for that."""
        role = self._settings.role
        if self._settings.metrics_port is not None:
            prepare_folder(self._settings.metrics_folder)
        workers = self._settings.workers if role in ("all", "worker") else 0
        prepared_read, prepared_write = os.pipe()

        def prepare_and_tell() -> T:
            result = prepare()
            os.write(prepared_write, b"p" * workers)
            return result

        preparation = ForkedWork(prepare_and_tell)
        os.close(prepared_write)  # closed everywhere if the preparation fails
        waiting = [
            self._start(ProcessRole("worker", n), (), prepared_read, self._fork_servers)
            for n in range(workers)
        ]
        os.close(prepared_read)
        for fork_server in self._fork_servers:
            fork_server.requests.close()  # only its worker has it now
        if role != "worker":
            load_api()
        prepared = preparation.result()
        if role in ("all", "api"):
            waiting.append(self._start(ProcessRole("api", 0)))
        if self._settings.metrics_port is not None:
            waiting.append(self._start(ProcessRole("metrics", 0)))
        for child, ready in waiting:
            self._wait_ready(child, ready)
        return prepared

    def _start(
        self,
        role: ProcessRole,
        starts: Sequence[float] = (),
        prepared: int | None = None,
        fork_servers: Sequence[LoadingFork] = (),
    ) -> tuple[SupervisedProcess, int]:
        ready, child_end = os.pipe()
        process = get_context("fork").Process(
            target=run_process,
            args=(
                *(role, self._settings, child_end, os.getpid(), self._node),
                *(prepared, fork_servers),
            ),
            name=role.name,
        )
        # They reach the child once it has handlers of its own: this process's would only note them.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        os.close(child_end)
        child = SupervisedProcess(role, process, [*starts, time.monotonic()])
        self._children.append(child)
        return child, ready

    def _wait_ready(self, child: SupervisedProcess, ready: int) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
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
                reason=f"The {child.role.kind} process did not start; its messages are above."
            )

    def _restart_dead(self) -> bool:
        """Restart dead processes; False if one dies too often."""
        for fork_server in self._fork_servers:
            fork_server.process.poll()  # else one that has ended stays a zombie
        for child in [c for c in self._children if not c.process.is_alive()]:
            self._children.remove(child)
            recent = [start for start in child.starts if start > time.monotonic() - 60]
            role, code = child.role, child.process.exitcode
            log.error("process died", role=role.kind, index=role.index, status=code)
            if len(recent) > MAX_RESTARTS_PER_MINUTE:
                log.error("it dies again and again; giving up", role=role.kind)
                return False
            time.sleep(0.1 * len(recent))  # longer each time, so that a broken start uses no CPU
            started, ready = self._start(role, recent)
            os.close(ready)
            log.info("process restarted", role=role.kind, pid=started.process.pid)
        return True

    def _stop_all(self) -> None:
        # The API first: workers may still finish what its last requests acknowledged.
        # Each gets some seconds more than it gives its own work, before it is killed.
        for role, timeout in (
            ("api", self._settings.drain_timeout + 2),
            ("worker", WORKER_DRAIN_SECONDS + 5),
            ("metrics", 1),  # last: the drain is worth watching
        ):
            processes = [child for child in self._children if child.role.kind == role]
            for child in processes:
                child.process.terminate()
            deadline = time.monotonic() + timeout
            for child in processes:
                child.process.join(max(0.1, deadline - time.monotonic()))
                if child.process.is_alive():
                    log.warning("process killed after its time", role=role)
                    child.process.kill()
                    child.process.join()
