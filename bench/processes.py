"""Start and end a contender's processes, and read what the kernel counts of them."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START = 60.0
"""Seconds within which a contender must listen."""
TICKS = os.sysconf("SC_CLK_TCK")


class PeerMissing(Exception):
    """A peer is not installed; the message says how to install it."""


def program(name: str, install: str) -> str:
    """The path of a program. Raises PeerMissing with how to install it."""
    result = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if result is None:
        raise PeerMissing(f"{name} is missing: {install}")
    return result


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    command: list[str], port: int, folder: Path, environment: dict[str, str] | None = None
) -> Iterator[int]:
    """Run a command that listens on `port` for the length of the block; gives its process id.

    What it says goes to `output.log` in `folder`. Its whole process group ends with the block.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "output.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        try:
            _wait_listening(process, port, folder / "output.log")
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait_listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} did not start: {log.read_text()[-2000:]}")


def tree(root: int) -> list[int]:
    """A process and everything that it and its children started."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            after_name = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # gone meanwhile
        children.setdefault(int(after_name[1]), []).append(int(entry.name))
    descendants, waiting = [], [root]
    while waiting:
        process = waiting.pop()
        descendants.append(process)
        waiting += children.get(process, [])
    return descendants


def cpu_seconds(processes: list[int]) -> float:
    """CPU time of these processes and of their children that ended, user and system."""
    total = 0
    for process in processes:
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(ticks) for ticks in fields[11:15])
    return total / TICKS


def cpu_by_kind(root: int) -> dict[str, float]:
    """Seconds of CPU of a running Entrepot so far, by the kind of process; `sandbox` is that of the
    sandbox processes that have ended."""
    seconds = dict.fromkeys(("api", "worker", "fork server", "sandbox", "supervisor"), 0.0)
    for process in tree(root):
        try:
            name, _, rest = Path(f"/proc/{process}/stat").read_text().rpartition(")")
        except OSError:
            continue
        user, system, ended_user, ended_system = (int(each) / TICKS for each in rest.split()[11:15])
        if "inspection.sandbox.forkserver" in command_line(process):
            seconds["fork server"] += user + system
            seconds["sandbox"] += ended_user + ended_system
            continue
        kind = next((each for each in ("api", "worke") if each in name), "supervisor")
        seconds["worker" if kind == "worke" else kind] += user + system
    return seconds


def command_line(process: int) -> str:
    """The command that a process runs; empty once it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def proportional_memory(processes: list[int]) -> int:
    """PSS in bytes: what is shared counts for each sharer's part (proc_pid_smaps_rollup(5))."""
    total = 0
    for process in processes:
        try:
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except OSError:
            continue
    return total
