"""The durable system calls of a process, listed by strace, and one of them killed or made to fail.

strace counts the calls of each thread by itself: a call is named by its kind and its number within
its thread. A server's client sends one request after another, so the same threads make the same
calls again. A run whose call comes in another thread dies at another moment, where everything must
hold too; `struck` says where that was.
"""

import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests.crash.power_cuts import strace
from tests.support.wait import wait_until

STORED = re.compile(r"/store/|/entrepot\.db|/backup/|/restored/")
"""In what is kept: not the places of sockets, scratch files and metrics."""
FILE_CALLS = (
    *("fsync", "fdatasync", "ftruncate", "write", "pwrite64"),
    *("link", "linkat", "rename", "renameat", "renameat2"),
    *("unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"),
)
"""What changes a file or a name, or makes it durable."""
SENT = "sendto"
"""How the drivers of PostgreSQL and S3 send."""
BEGUN = re.compile(r"^(\d+) +(\w+)\((.*)$")
SERVED = re.compile(r"TCP:\[127\.0\.0\.1:(\d+)->")
VARIABLE = re.compile(r"\b[0-9a-f]{2}/(?=[0-9a-f]{2}/)|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{6,}|\d+")


@dataclass(frozen=True)
class Call:
    """The `number`-th call of the kind `name` in its thread (from 1), and what it was about."""

    name: str
    number: int
    about: str

    @property
    def place(self) -> tuple[str, int]:
        """How strace finds it."""
        return self.name, self.number

    @property
    def kind(self) -> str:
        """The call without what differs from run to run."""
        return f"{self.name} {VARIABLE.sub('*', self.about)}"


def durable_calls(log: Path, port: int | None = None) -> list[Call]:
    """The calls of a log that reach what is kept, in their order.

    What goes out to the clients of a server, which listens at `port`, is not among them.
    """
    numbers: Counter[tuple[str, str]] = Counter()
    result = []
    for line in log.read_text(errors="replace").splitlines():
        matched = BEGUN.match(line)
        if matched is None:
            continue
        thread, name, arguments = matched.groups()
        numbers[thread, name] += 1
        if is_durable(name, arguments, port):
            result.append(Call(name, numbers[thread, name], _about(name, arguments)))
    return result


def is_durable(name: str, arguments: str, port: int | None) -> bool:
    """Whether a call reaches what is kept: a file, the database or the store."""
    if name.startswith("open") and "O_CREAT" not in arguments:
        return False
    if name != SENT:
        return STORED.search(arguments) is not None
    sent_from = SERVED.search(arguments)
    return "<UNIX" in arguments or (sent_from is not None and int(sent_from[1]) != port)


def _about(name: str, arguments: str) -> str:
    if name == SENT:
        return "to the database" if "<UNIX" in arguments else "to the store"
    paths = re.findall(r"<(/[^>]*)>", arguments) + re.findall(r'"(/[^"]*)"', arguments)
    return " ".join(path[-60:] for path in paths)


def options(log: Path, names: tuple[str, ...], *inject: str) -> list[str]:
    """How strace writes calls of these kinds to `log`, with what is done to them."""
    traced = ["-e", f"trace={','.join(names)}", "-e", "signal=none"]
    return ["-f", "-yy", "-s", "0", *traced, *inject, "-o", str(log)]


def killing(call: Call) -> list[str]:
    """Kill the process right before that call is done."""
    return ["-e", f"inject={call.name}:signal=KILL:when={call.number}"]


def failing(call: Call, error: str) -> list[str]:
    """Have that call fail; those after it work."""
    return ["-e", f"inject={call.name}:error={error}:when={call.number}"]


@contextmanager
def traced(
    pid: int, log: Path, names: tuple[str, ...], *inject: str
) -> Iterator["subprocess.Popen[str]"]:
    """Have strace follow a process for the length of the block; its end is strace's end."""
    command = [strace(), *options(log, names, *inject), "-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        assert "attached" in tracer.stderr.readline()
        try:
            yield tracer
        finally:
            tracer.terminate()
            # strace 6.1 waits for ever for a process that has ended while it detaches from it.
            wait_until(lambda: tracer.poll() is not None or not is_alive(pid), "strace ends")
            tracer.kill()
            tracer.stderr.read()


def is_alive(pid: int) -> bool:
    """Whether a process has not ended; one that was killed is a zombie until it is waited for."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def run_command(log: Path, names: tuple[str, ...], *inject: str, command: list[str]) -> int:
    """Run a command below strace; its exit status, negative for a signal.

    With `--seccomp-bpf`, which is faster, strace 6.1 delivers no signal before a call.
    """
    fast = [] if inject else ["--seccomp-bpf"]
    run = [strace(), *fast, *options(log, names, *inject), *command]
    done = subprocess.run(run, check=False, capture_output=True, text=True)
    if done.returncode not in (0, 128 + signal.SIGKILL, -signal.SIGKILL):
        sys.stderr.write(done.stderr)
    return done.returncode


def struck(log: Path) -> str | None:
    """The call before which a process was killed; None if it was not."""
    lines = log.read_text(errors="replace").splitlines()
    cut = [line for line in lines if line.rstrip().endswith("= ?")]
    return cut[-1].split(maxsplit=1)[1] if cut else None


def injected(log: Path) -> list[str]:
    """The lines of the calls that were made to fail."""
    return [line for line in log.read_text(errors="replace").splitlines() if "INJECTED" in line]
