"""Have inspecting processes forked from a warm one (`forkserver`), and end them.

A fresh interpreter with the engine loaded costs a quarter of a second of CPU; a fork of one that is
loaded some milliseconds.
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
ORDER = b"fork"
UnitOfWork = Literal["inspections", "previews"]
END_SECONDS = 10.0
"""Seconds in which the kernel ends a killed process."""
RETRY_SECONDS = 0.5
"""Between two attempts to start a process, where the host is out of processes or memory."""


@dataclass
class SandboxProcess:
    """One child process in a group of its own, known by the three pipes to it.

    the child itself sends `pid` before it takes any request; as long as `status` is open,
    nobody else can have it. `end` may be called any number of times.
    """

    stdin: int
    stdout: int
    status: int
    pid: int = 0
    _code: int | None = field(default=None, repr=False)
    _ended: bool = False

    def wait(self, seconds: float = END_SECONDS) -> int:
        """How it ended: an exit code, or the number of the signal that killed it, negative.

        A child whose mother was killed with it counts as killed.
        """
        if self._code is None:
            readable, _, _ = select.select([self.status], [], [], seconds)
            message = os.read(self.status, 64) if readable else b""
            self._code = int(message) if message else -signal.SIGKILL
        return self._code

    def resident(self) -> int:
        """Bytes of memory it holds now; 0 where the system does not tell, or after its end."""
        try:
            fields = Path(f"/proc/{self.pid}/statm").read_text("ascii").split()
            return int(fields[1]) * PAGE_BYTES
        except (OSError, IndexError, ValueError):
            return 0

    def end(self) -> None:
        """Kill it and everything it started, and have it reaped."""
        if self._ended:
            return
        self._ended = True
        if self.pid:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self.wait()
        for descriptor in (self.stdin, self.stdout, self.status):
            os.close(descriptor)


class ForkServer:
    """Keeps one mother alive, and has children made by her; safe to share between threads.

    Isolated mode, an empty environment: nothing of the server's settings reaches her but where
    temporary files go, which is `scratch`. `work` is what her children will do.
    """

    def __init__(self, scratch: Path, role: UnitOfWork = "inspections") -> None:
        self._scratch = scratch
        self._work = role
        self._closed = threading.Event()
        self._known = threading.Condition()
        self._orders: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        # The kernel kills her when the thread that started her ends: this one outlives her.
        self._keeper = threading.Thread(
            target=self._keep, name="inspection-fork-server", daemon=True
        )
        self._keeper.start()

    def spawn(self, patience: float) -> SandboxProcess | None:
        """A child that will say when it is ready; None if there is no mother within `patience`
        seconds."""
        with self._known:
            if self._orders is None:
                self._known.wait(patience)
            orders = self._orders
        if orders is None:
            return None
        to_child, from_child, status = os.pipe(), os.pipe(), os.pipe()
        child = SandboxProcess(to_child[1], from_child[0], status[0])
        hers = [to_child[0], from_child[1], status[1]]
        try:
            socket.send_fds(orders, [ORDER], hers)
        except OSError:  # she has died; the next one is on her way
            child.end()
            self._closed.wait(patience)
            return None
        finally:
            for descriptor in hers:
                os.close(descriptor)
        return child

    def close(self) -> None:
        """End her, and with her all children."""
        self._closed.set()
        with self._known:
            if self._process is not None:
                self._process.kill()
        self._keeper.join()

    def _keep(self) -> None:
        while not self._closed.is_set():
            try:
                self._start()
            except OSError:
                # The host is out of processes or memory for now.
                self._closed.wait(RETRY_SECONDS)
                continue
            assert self._process is not None
            self._process.wait()
            with self._known:
                self._orders = None

    def _start(self) -> None:
        mine, hers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [
            sys.executable, "-I", "-B", "-X", "utf8",
            "-m", "entrepot.inspection.sandbox.forkserver",
            str(os.getpid()), self._work,
        ]  # fmt: skip
        with hers, self._known:
            if self._closed.is_set():
                return
            self._process = subprocess.Popen(
                command,
                stdin=hers.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"TMPDIR": str(self._scratch)},
                cwd="/",
                start_new_session=True,
            )
            self._orders = mine
            self._known.notify_all()
