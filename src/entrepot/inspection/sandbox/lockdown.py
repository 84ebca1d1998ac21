"""Lock the sandbox process down: limits, no privileges, no files but its own, few system calls.

`lock_down` runs in the sandbox process, after everything it needs is loaded and before the engine
starts threads. `sandbox_status` tells an operator what this host can do.
"""

import contextlib
import ctypes
import os
import resource
import sys
from pathlib import Path
from typing import Literal

from entrepot.inspection.limits import Limits
from entrepot.inspection.sandbox.landlock import confine, landlock_version
from entrepot.inspection.sandbox.seccomp import restrict_calls, seccomp_support
from entrepot.inspection.sandbox.system_calls import own_calls

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
SIGKILL = 9
MAX_OPEN_FILES = 256
"""The engine spills to many files at a time."""

Strictness = Literal["require", "best-effort"]


class SandboxUnavailable(Exception):
    """A layer of the sandbox is missing on this host; the text says which and why."""


def sandbox_status() -> dict[str, str]:
    """What each layer offers on this host: "on" with its version, or why it is off."""
    version = landlock_version()
    seccomp = seccomp_support()
    return {
        "limits": "on",
        "files": f"on (Landlock ABI {version})" if version else "off: the kernel has no Landlock",
        "calls": f"off: {seccomp}" if seccomp else f"on (seccomp, {len(own_calls())} allowed)",
    }


def missing_layers() -> list[str]:
    """The layers of the sandbox that this host lacks, in words."""
    return [
        f"{layer} {state}" for layer, state in sandbox_status().items() if state.startswith("off")
    ]


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends (Linux)."""
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, SIGKILL)


def lower_priority(nice: int) -> None:
    """Leave others more of the processor: with 3 twice as much, with 10 ten times. With a
    nice value of 19 this process would reach its time limit on a busy machine.

    Linux weighs the processes of different sessions as groups (autogroup, sched(7)), so that
    a process's own nice value counts for nothing against those of another session.
    """
    os.nice(nice)
    if os.getsid(0) == os.getpid():  # else other processes are in the group too
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(nice))


def lock_down(
    readable: list[Path], scratch: Path, limits: Limits, strictness: Strictness
) -> dict[str, str]:
    """Give up every right that an inspection does not need; there is no way back.

    Returns the layers that hold. With "require" a layer that cannot be had raises
    SandboxUnavailable; with "best-effort" it is reported in the answer and left out.
    """
    set_limits(limits)
    layers: dict[str, str] = {"limits": "on"}
    for layer, lock in (
        ("privileges", lambda: _prctl(PR_SET_NO_NEW_PRIVS, 1)),
        ("files", lambda: confine(readable, scratch)),
        ("calls", _restrict_calls),
    ):
        try:
            lock()
            layers[layer] = "on"
        except OSError as error:
            layers[layer] = f"off: {error.strerror or error}"
            if strictness == "require":
                raise SandboxUnavailable(f"{layer} {layers[layer]}") from None
    return layers


def set_limits(limits: Limits) -> None:
    """Set what setrlimit(2) bounds. Data may be twice the resident bound, which the parent
    watches: the engine reserves more than it touches."""
    resource_limits = {
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_FSIZE: limits.scratch,
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_DATA: 2 * limits.memory,
    }
    for name, value in resource_limits.items():
        _, hard = resource.getrlimit(name)
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        grace = 1 if name == resource.RLIMIT_CPU else 0
        ceiling = limit + grace if hard == resource.RLIM_INFINITY else min(limit + grace, hard)
        resource.setrlimit(name, (limit, ceiling))


def _restrict_calls() -> None:
    reason = seccomp_support()
    if reason:
        raise OSError(reason)
    restrict_calls()


def _prctl(option: int, value: int) -> None:
    if sys.platform != "linux":
        raise OSError("only Linux has prctl")
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl refused")
