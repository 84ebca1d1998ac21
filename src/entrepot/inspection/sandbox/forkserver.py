"""The fork server: loads the engine once, and forks one sandbox process per request.

On the socket that is its standard input it is first sent the folder for temporary files. Requests
follow, each with three descriptors: the sandbox process's input, its output, and a pipe for its
exit code. A process is reaped when the other end
of the third is closed: until then the kernel cannot reuse its pid, so that killing it is safe.

The fork server opens no delivered file and has one thread only: forking a process with more would
copy held locks. Run as `python -m entrepot.inspection.sandbox.forkserver <parent's pid>
<inspections or previews>`: the second argument is the work that its processes are warm for.
"""

import os
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import Any, NoReturn

from entrepot.inspection.sandbox.lockdown import die_with_parent
from entrepot.inspection.sandbox.spawn import FORK_REQUEST, Role
from entrepot.loading import quick_imports

MAX_PATH_BYTES = 65_536
"""More than the kernel takes for a path."""


def main() -> None:
    """Serve requests, once the folder has come, until the other end closes."""
    die_with_parent()
    if os.getppid() != int(sys.argv[1]):
        return
    role: Role = "previews" if sys.argv[2] == "previews" else "inspections"
    requests = socket.socket(fileno=0)
    with quick_imports():
        from entrepot.inspection.engine import open_engine
        from entrepot.inspection.sandbox.process import load, warm_up, warm_up_previews

        load(role)
        scratch = requests.recv(MAX_PATH_BYTES)
        if not scratch:
            return
        os.environ["TMPDIR"] = os.fsdecode(scratch)
        warm_up_previews() if role == "previews" else warm_up()
        engine = open_engine(trusts_statistics=role == "previews")
    wakeup_read, wakeup_write = os.pipe()
    os.set_blocking(wakeup_read, False)
    os.set_blocking(wakeup_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
    processes: dict[int, int] = {}
    running: set[int] = set()
    events = select.poll()
    events.register(0, select.POLLIN)
    events.register(wakeup_read, select.POLLIN)
    while True:
        for descriptor, _ in events.poll():
            if descriptor == 0:
                request, descriptors, _, _ = socket.recv_fds(requests, len(FORK_REQUEST), 3)
                if request != FORK_REQUEST:
                    return
                pid = _fork(descriptors, [wakeup_read, wakeup_write, *processes], engine)
                processes[descriptors[2]] = pid
                running.add(descriptors[2])
                events.register(descriptors[2], 0)  # POLLHUP: the other end is closed
                _report_exits(processes, running)  # it may have ended before it was registered
            elif descriptor == wakeup_read:
                with suppress(BlockingIOError):
                    os.read(wakeup_read, 4096)
                _report_exits(processes, running)
            else:
                events.unregister(descriptor)
                running.discard(descriptor)
                _reap(processes.pop(descriptor))
                os.close(descriptor)


def _fork(descriptors: list[int], inherited: list[int], engine: Any) -> int:
    fork_server_pid = os.getpid()
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (descriptors[2], *inherited):
            os.close(descriptor)
        _run_sandbox_process(fork_server_pid, descriptors[0], descriptors[1], engine)
    os.close(descriptors[0])
    os.close(descriptors[1])
    return pid


def _run_sandbox_process(
    fork_server_pid: int, request_pipe: int, answer_pipe: int, engine: Any
) -> NoReturn:
    """Replacing standard input also closes the fork server's request socket."""
    from entrepot.inspection.sandbox.process import serve

    try:
        os.setsid()
        for number, descriptor in enumerate((request_pipe, answer_pipe)):
            os.dup2(descriptor, number)
            os.close(descriptor)
        die_with_parent()
        if os.getppid() == fork_server_pid:
            serve(engine)
    finally:
        os._exit(0)


def _report_exits(processes: dict[int, int], running: set[int]) -> None:
    """Write the exit code of each process that has ended to its status pipe, once."""
    for status in list(running):
        exit_info = os.waitid(os.P_PID, processes[status], os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if exit_info is not None:
            running.remove(status)
            killed = exit_info.si_code in (os.CLD_KILLED, os.CLD_DUMPED)
            with suppress(OSError):
                os.write(
                    status, b"%d\n" % (-exit_info.si_status if killed else exit_info.si_status)
                )


def _reap(pid: int) -> None:
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
