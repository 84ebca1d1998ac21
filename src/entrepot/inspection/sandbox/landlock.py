"""Confine this process to a few paths and to no network, by Landlock.

Written by hand because the packages for Landlock are immature. Source: landlock(7) and
linux/landlock.h. The rules bind the calling thread and all threads it starts later, so they
must be set before the engine starts its own.
"""

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_FLAG = 1
PATH_BENEATH = 1

READ_FILE, READ_DIR = 1 << 2, 1 << 3
ALL_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
ALL_NEWEST = (1 << 16) - 1
NET_BIND_AND_CONNECT = 0b11
SCOPE_SOCKETS_AND_SIGNALS = 0b11
WHOLE_SCRATCH = (
    (1 << 1) | READ_FILE | READ_DIR | (1 << 4) | (1 << 5) | (1 << 7) | (1 << 8) | (1 << 14)
)
"""Write, read, list, remove files and folders, make folders and regular files, truncate."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("parent", ctypes.c_int32))


def landlock_version() -> int:
    """The kernel's Landlock ABI, 0 when there is none."""
    if sys.platform != "linux":
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, int(libc.syscall(CREATE_RULESET, None, 0, VERSION_FLAG)))


def confine(readable: Iterable[Path], scratch: Path) -> int:
    """Allow reading the files `readable`, and everything below the folder `scratch`.

    Returns the ABI that holds: from 4 on TCP is refused too, from 6 on signals and abstract
    sockets to other processes. PR_SET_NO_NEW_PRIVS must be set before. Raises OSError.
    """
    version = landlock_version()
    if not version:
        raise OSError("the kernel has no Landlock")
    handled = ALL_BY_ABI.get(version, ALL_NEWEST)
    rules = _Ruleset(
        handled,
        NET_BIND_AND_CONNECT if version >= 4 else 0,
        SCOPE_SOCKETS_AND_SIGNALS if version >= 6 else 0,
    )
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _call(CREATE_RULESET, ctypes.byref(rules), size, 0)
    try:
        for path in readable:
            _allow(ruleset, path, READ_FILE & handled)
        _allow(ruleset, scratch, WHOLE_SCRATCH & handled)
        _call(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return version


def _allow(ruleset: int, path: Path, access: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _PathRule(access, descriptor)
        _call(ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(descriptor)


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    answer = int(libc.syscall(number, *arguments))
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock refused: {os.strerror(code)}")
    return answer
