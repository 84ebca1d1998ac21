"""Start sandbox processes with the fork server, and end them.

A fresh interpreter with the engine loaded costs a quarter of a second of CPU; a fork of a loaded
one costs some milliseconds.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
FORK_REQUEST = b"fork"
Role = Literal["inspections", "previews"]
END_SECONDS = 10.0
"""Seconds in which the kernel ends a killed process."""
RETRY_SECONDS = 0.5
"""Between two attempts to start a process, where the host is out of processes or memory."""


@dataclass
class SandboxProcess:
    """One process in its own process group, and the three pipes to it.

    The process itself sends `pid` before it reads a request; as long as `status` is open, no
    other process can get that pid. `end` may be called any number of times.
    """

    stdin: int
    stdout: int
    status: int
    pid: int = 0
    _code: int | None = field(default=None, repr=False)
    _ended: bool = False

    def wait(self, seconds: float = END_SECONDS) -> int:
        """The exit code, or the negative number of the signal that killed the process.

        A process whose fork server was killed too counts as killed.
        """
        if self._code is None:
            readable, _, _ = select.select([self.status], [], [], seconds)
            message = os.read(self.status, 64) if readable else b""
            self._code = int(message) if message else -signal.SIGKILL
        return self._code

    def resident(self) -> int:
        """Resident bytes of memory now; 0 where the system has no figure, or after the end."""
        try:
            fields = Path(f"/proc/{self.pid}/statm").read_text("ascii").split()
            return int(fields[1]) * PAGE_BYTES
        except (OSError, IndexError, ValueError):
            return 0

    def cpu_seconds(self) -> float:
        """Seconds of CPU that all its threads have used; 0 where the system has no figure, or
        after the end."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text("ascii", "replace")
            user, system = stat.rpartition(")")[2].split()[11:13]
            return (int(user) + int(system)) / TICKS_PER_SECOND
        except (OSError, ValueError):
            return 0.0

    def end(self) -> None:
        """Kill the process and everything it started, and have it reaped."""
        if self._ended:
            return
        self._ended = True
        if self.pid:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self.wait()
        for descriptor in (self.stdin, self.stdout, self.status):
            os.close(descriptor)


class LoadingFork:
    """A fork server that loads, which takes most of a second. It opens nothing until it is given
    the folder for its temporary files.

    It runs in isolated mode with an empty environment. The kernel kills it when the thread that
    started it ends; it ends by itself when the other end of its socket is closed everywhere.
    """

    def __init__(self, role: Role = "inspections") -> None:
        self.requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [
            sys.executable, "-I", "-B", "-X", "utf8",
            "-m", "entrepot.inspection.sandbox.forkserver",
            str(os.getpid()), role,
        ]  # fmt: skip
        with theirs:
            self.process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
            )

    def begin(self, scratch: Path) -> None:
        """Have it serve requests, with that folder for temporary files. Raises OSError if it has
        ended."""
        self.requests.send(os.fsencode(scratch))

    def wait(self) -> None:
        """Return when it has ended; also in a fork of the process that started it."""
        events = select.poll()
        events.register(self.requests, 0)  # POLLHUP: the other end is closed
        events.poll()
        self.process.wait()

    def close(self) -> None:
        """End it, with all its processes."""
        self.process.kill()
        with suppress(OSError):  # a fork of its parent cannot kill it: it ends by itself
            self.requests.shutdown(socket.SHUT_RDWR)


class ForkServer:
    """Keeps one fork server running, and requests processes; safe to share between threads.

    Of the server's settings it gets only `scratch`, the folder for temporary files. `role` is the
    work that its processes will do. `first` is one that was started before.
    """

    def __init__(
        self, scratch: Path, role: Role = "inspections", first: LoadingFork | None = None
    ) -> None:
        self._scratch = scratch
        self._role = role
        self._first = first
        self._closed = threading.Event()
        self._changed = threading.Condition()
        self._requests: socket.socket | None = None
        self._current: LoadingFork | None = None
        # The kernel kills the fork server when the thread that started it ends.
        self._supervisor = threading.Thread(
            target=self._supervise, name="inspection-fork-server", daemon=True
        )
        self._supervisor.start()

    def spawn(self, timeout: float) -> SandboxProcess | None:
        """A process that sends a message when it is ready; None if there is no fork server within
        `timeout` seconds."""
        with self._changed:
            if self._requests is None:
                self._changed.wait(timeout)
            requests = self._requests
        if requests is None:
            return None
        request_pipe, answer_pipe, status = os.pipe(), os.pipe(), os.pipe()
        process = SandboxProcess(request_pipe[1], answer_pipe[0], status[0])
        their_ends = [request_pipe[0], answer_pipe[1], status[1]]
        try:
            socket.send_fds(requests, [FORK_REQUEST], their_ends)
        except OSError:  # the fork server has ended; the next one is starting
            process.end()
            self._closed.wait(timeout)
            return None
        finally:
            for descriptor in their_ends:
                os.close(descriptor)
        return process

    def close(self) -> None:
        """End the fork server, and with it all its processes."""
        self._closed.set()
        with self._changed:
            for each in (self._first, self._current):
                if each is not None:
                    each.close()
        self._supervisor.join()

    def _supervise(self) -> None:
        while not self._closed.is_set():
            try:
                current = self._start()
            except OSError:
                # The host is out of processes or memory for now.
                self._closed.wait(RETRY_SECONDS)
                continue
            if current is not None:
                current.wait()
            with self._changed:
                self._requests = None

    def _start(self) -> LoadingFork | None:
        with self._changed:
            if self._closed.is_set():
                return None
            current, self._first = self._first or LoadingFork(self._role), None
            self._current = current
            current.begin(self._scratch)
            self._requests = current.requests
            self._changed.notify_all()
        return current
