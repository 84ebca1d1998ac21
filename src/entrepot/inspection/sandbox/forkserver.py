"""The process that inspecting children are forked from: loaded and warm once, never with a file.

Over the socket on its standard input come orders of a child, each with three descriptors: the
child's input, its output, and where to tell how it ended. A child is reaped when the other end of
the third is closed: until then its pid is nobody else's, so that it can be killed by that.

A mother opens nothing that was delivered, and has one thread only: forking a process with more
would copy held locks. Run as `python -m entrepot.inspection.sandbox.forkserver <parent's pid>
<inspections or previews>`: what her children will do, and she is to be warm for.
"""

import gc
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import NoReturn

from entrepot.inspection.engine import open_engine
from entrepot.inspection.sandbox.lockdown import die_with_parent
from entrepot.inspection.sandbox.process import serve, warm_up, warm_up_previews
from entrepot.inspection.sandbox.spawn import ORDER


def main() -> None:
    """Load, then take orders until the other end closes."""
    die_with_parent()
    if os.getppid() != int(sys.argv[1]):
        return
    warm_up_previews() if sys.argv[2] == "previews" else warm_up()
    engine = open_engine()
    gc.freeze()
    orders = socket.socket(fileno=0)
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    children: dict[int, int] = {}
    running: set[int] = set()
    events = select.poll()
    events.register(0, select.POLLIN)
    events.register(woken, select.POLLIN)
    while True:
        for descriptor, _ in events.poll():
            if descriptor == 0:
                order, descriptors, _, _ = socket.recv_fds(orders, len(ORDER), 3)
                if order != ORDER:
                    return
                pid = _fork(descriptors, [woken, wake, *children], engine)
                children[descriptors[2]] = pid
                running.add(descriptors[2])
                events.register(descriptors[2], 0)  # tells when its other end is closed
                _report_exits(children, running)  # before SIGCHLD could find it among the children
            elif descriptor == woken:
                with suppress(BlockingIOError):
                    os.read(woken, 4096)
                _report_exits(children, running)
            else:
                events.unregister(descriptor)
                running.discard(descriptor)
                _reap(children.pop(descriptor))
                os.close(descriptor)


def _fork(descriptors: list[int], others: list[int], engine: object) -> int:
    mine = os.getpid()
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (descriptors[2], *others):
            os.close(descriptor)
        _run_sandbox_process(mine, descriptors[0], descriptors[1], engine)
    os.close(descriptors[0])
    os.close(descriptors[1])
    return pid


def _run_sandbox_process(
    fork_server_pid: int, orders: int, answers: int, engine: object
) -> NoReturn:
    """The socket of the mother's orders is closed by taking its place."""
    try:
        os.setsid()
        for place, descriptor in enumerate((orders, answers)):
            os.dup2(descriptor, place)
            os.close(descriptor)
        die_with_parent()
        if os.getppid() == fork_server_pid:
            serve(engine)
    finally:
        os._exit(0)


def _report_exits(children: dict[int, int], running: set[int]) -> None:
    """Write the exit code of each child that has one now to whoever had it made, once."""
    for status in list(running):
        ended = os.waitid(os.P_PID, children[status], os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is not None:
            running.remove(status)
            killed = ended.si_code in (os.CLD_KILLED, os.CLD_DUMPED)
            with suppress(OSError):
                os.write(status, b"%d\n" % (-ended.si_status if killed else ended.si_status))


def _reap(pid: int) -> None:
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
