"""Allow the system calls that an inspection needs, and refuse all others.

Written by hand because `pyseccomp` needs the system's libseccomp, and the one package that has it
in a wheel (`mephi42-seccomp` 2.5.6) has none for aarch64 or for Python 3.11.
Source: seccomp(2), linux/filter.h, linux/audit.h. `system_calls` is the list.

A refused call fails with EPERM. One that is newer than Linux 5.0 fails with ENOSYS, as it would on
an older kernel: the C library then falls back to what it called before. A call of another
architecture kills the process: its numbers mean other calls.
"""

import ctypes
import errno
import platform
import struct
import sys
from collections.abc import Sequence

from entrepot.inspection.sandbox.system_calls import (
    FIRST_RECENT,
    LOW,
    ArgumentRule,
    SystemCall,
    own_calls,
)

PR_GET_SECCOMP = 21
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2

LOAD, AND, EQUAL, AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
REFUSE, UNKNOWN = ERRNO | errno.EPERM, ERRNO | errno.ENOSYS
X32_BIT = 0x40000000
NUMBER_OFFSET, ARCHITECTURE_OFFSET, ARGUMENTS_OFFSET = 0, 4, 16
"""Within `struct seccomp_data`; each argument has 8 bytes, its low half first."""

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

Step = tuple[int, int, int, int]
"""One `struct sock_filter`: code, steps to skip if true, steps to skip if false, value."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def seccomp_support() -> str | None:
    """None when a filter can be set on this host, else the reason why not."""
    if sys.platform != "linux":
        return "only Linux has seccomp"
    if platform.machine() not in ARCHITECTURES:
        return f"no table of system calls for {platform.machine()}"
    if ctypes.CDLL(None).prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0:
        return "the kernel was built without seccomp"
    return None


def restrict_calls() -> None:
    """Set the filter on this thread and all that it starts. Raises OSError.

    PR_SET_NO_NEW_PRIVS must be set before. New threads are allowed, new processes are not.
    """
    code = filter_program(platform.machine(), own_calls())
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp refused: {errno.errorcode.get(number, number)}")


def filter_program(machine: str, calls: Sequence[SystemCall]) -> bytes:
    """The BPF program for `machine` that allows `calls` alone: an array of struct sock_filter."""
    steps: list[Step] = [
        (LOAD, 0, 0, ARCHITECTURE_OFFSET),
        (EQUAL, 1, 0, ARCHITECTURES[machine]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER_OFFSET),
        (AT_LEAST, 0, 1, X32_BIT),
        (RETURN, 0, 0, KILL),
    ]
    for call in calls:
        number = call.number(machine)
        if number is not None:
            verdict = _check_arguments(call)
            steps += [(EQUAL, 0, len(verdict), number), *verdict]
    steps += [
        (AT_LEAST, 0, 1, FIRST_RECENT),
        (RETURN, 0, 0, UNKNOWN),
        (RETURN, 0, 0, REFUSE),
    ]
    return b"".join(struct.pack("<HBBI", *step) for step in steps)


def _check_arguments(call: SystemCall) -> list[Step]:
    """The steps that allow `call` if its rules hold, and refuse it otherwise."""
    checks = [step for rule in call.rules for step in _check_argument(rule)]
    return [*checks, (RETURN, 0, 0, ALLOW)]


def _check_argument(rule: ArgumentRule) -> list[Step]:
    steps: list[Step] = []
    for half in (0, 1):
        mask = rule.mask >> 32 * half & LOW
        if not mask:
            continue
        steps += [
            (LOAD, 0, 0, ARGUMENTS_OFFSET + 8 * rule.index + 4 * half),
            (AND, 0, 0, mask),
        ]
        values = [value >> 32 * half & LOW for value in rule.values]
        # A match skips the other values and the refusal.
        steps += [(EQUAL, len(values) - n, 0, value) for n, value in enumerate(values)]
        steps.append((RETURN, 0, 0, REFUSE))
    return steps
