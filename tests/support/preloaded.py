"""Run the program in a fork of a process that has imported it already.

A start of the program takes 1.4 s of processor time, of which imports take 1.0 s. What runs then is
the same: the program's `main`, in a process of its own. Tests of the start itself run the program.
"""

import os
import signal
import subprocess
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from runpy import run_path

FORKED = Path(__file__).with_name("forked_program.py")
PRELOADED = (
    "__main__",  # of pytest: else each fork would import it
    "entrepot.cli.commands",
    "entrepot.cli.listener",
    "entrepot.cli.serve",
    "entrepot.http.app",
    "entrepot_client.cli.entry_point",
    "entrepot_client.cli.main",
    "granian.http",
    "uvloop",
)


class PreloadedProcess:
    """One run of the program, with what tests use of `subprocess.Popen`."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        assert process.pid is not None
        self.pid = process.pid

    @property
    def returncode(self) -> int | None:
        """As `poll`."""
        return self.poll()

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status once it has ended. Raises TimeoutExpired."""
        self._process.join(timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired("entrepot", timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


@cache
def fork_server() -> ForkServerContext:
    """The process that has imported the program. It starts with the first fork, and ends after this
    process and all its forks."""
    context = get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    return context


def run_preloaded(
    arguments: tuple[str, ...], environment: dict[str, str], output: Path, log: Path, umask: int
) -> PreloadedProcess:
    """Run the program as `subprocess.Popen` would; what it writes is appended to the two files."""
    run = {
        "arguments": arguments,
        "environment": environment,
        "files": ((1, output), (2, log)),
        "umask": umask,
    }
    # By its path: the fork has the modules of the program, not those of the tests.
    process = fork_server().Process(target=run_path, args=(str(FORKED), {"RUN": run}))
    process.start()
    return PreloadedProcess(process)
