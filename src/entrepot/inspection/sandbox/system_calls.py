"""The system calls of a locked process: what it may call, and with which arguments.

Traced with `strace -ff` over the tests of all formats, forms, previews, comparisons and hostile
files (1,064 locked threads, glibc 2.36), with what older C libraries call for the same purposes.
Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of Linux.
"""

import os
from dataclasses import dataclass

FIRST_RECENT = 424
"""From this number on (Linux 5.1) all architectures number new calls alike."""

LOW, WHOLE = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
CLONE_THREAD = 0x00010000
TCGETS, FIOCLEX = 0x5401, 0x5451
F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_GETLK, F_SETLK, F_DUPFD_CLOEXEC = 0, 1, 2, 3, 5, 6, 1030
PR_SET_NAME, PR_GET_NAME = 15, 16
MEMORY_ADVICE = (0, 1, 2, 3, 4, 8, 14, 15, 16, 17)
"""Those of madvise(2) that allocators give. MADV_HWPOISON would take pages of the machine."""


@dataclass(frozen=True)
class ArgumentRule:
    """A call is allowed only if the bits `mask` of its argument `index` (from 0) are one of
    `values`. Without one of the rules of a call it is refused."""

    index: int
    values: tuple[int, ...]
    mask: int = LOW


@dataclass(frozen=True)
class SystemCall:
    """A call that a locked process may make, if all its `rules` hold.

    `x86_64` and `aarch64` are its numbers; None where an architecture has no such call.
    """

    name: str
    x86_64: int | None
    aarch64: int | None
    rules: tuple[ArgumentRule, ...] = ()

    def number(self, machine: str) -> int | None:
        """Its number on `machine`."""
        return self.x86_64 if machine == "x86_64" else self.aarch64


_UNRESTRICTED: dict[str, tuple[int | None, int | None]] = {
    # Descriptors that are open.
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "fstat": (5, 80), "lseek": (8, 62),
    "pread64": (17, 67), "pwrite64": (18, 68), "readv": (19, 65), "writev": (20, 66),
    "dup": (32, 23), "fsync": (74, 82), "fdatasync": (75, 83), "ftruncate": (77, 46),
    "fallocate": (285, 47), "poll": (7, None), "ppoll": (271, 73), "select": (23, None),
    "pselect6": (270, 72),
    # Files by name: Landlock says which.
    "open": (2, None), "openat": (257, 56), "stat": (4, None), "lstat": (6, None),
    "newfstatat": (262, 79), "statx": (332, 291), "access": (21, None), "faccessat": (269, 48),
    "faccessat2": (439, 439), "readlink": (89, None), "readlinkat": (267, 78),
    "getdents64": (217, 61), "getcwd": (79, 17), "mkdir": (83, None), "mkdirat": (258, 34),
    "rmdir": (84, None), "unlink": (87, None), "unlinkat": (263, 35), "rename": (82, None),
    "renameat": (264, 38), "renameat2": (316, 276),
    # Memory.
    "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215), "mremap": (25, 216),
    "brk": (12, 214), "sysinfo": (99, 179),
    # Threads, and the end.
    "futex": (202, 98), "sched_yield": (24, 124), "gettid": (186, 178), "getpid": (39, 172),
    "set_robust_list": (273, 99), "rseq": (334, 293), "getcpu": (309, 168), "exit": (60, 93),
    "exit_group": (231, 94), "restart_syscall": (219, 128),
    # Handlers of signals to itself.
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    # Time, chance, and who it is.
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101), "gettimeofday": (96, 169), "time": (201, None),
    "getrandom": (318, 278), "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176),
    "getegid": (108, 177),
}  # fmt: skip


def allowed_calls(pid: int) -> list[SystemCall]:
    """What the process `pid` may call once it is locked."""
    calls = [SystemCall(name, *numbers) for name, numbers in _UNRESTRICTED.items()]
    thread = ArgumentRule(0, (CLONE_THREAD,), mask=CLONE_THREAD)
    itself, own_process = ArgumentRule(0, (0,)), ArgumentRule(0, (pid,))
    no_new_limit = ArgumentRule(2, (0,), mask=WHOLE)
    descriptor_flags = (F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_GETLK, F_SETLK, F_DUPFD_CLOEXEC)
    return [
        *calls,
        SystemCall("clone", 56, 220, (thread,)),
        SystemCall("fcntl", 72, 25, (ArgumentRule(1, descriptor_flags),)),
        SystemCall("ioctl", 16, 29, (ArgumentRule(1, (TCGETS, FIOCLEX)),)),
        SystemCall("madvise", 28, 233, (ArgumentRule(2, MEMORY_ADVICE),)),
        SystemCall("prctl", 157, 167, (ArgumentRule(0, (PR_SET_NAME, PR_GET_NAME)),)),
        SystemCall("prlimit64", 302, 261, (itself, no_new_limit)),
        SystemCall("sched_getaffinity", 204, 123, (itself,)),
        SystemCall("tgkill", 234, 131, (own_process,)),  # as abort(3) calls it
    ]


def own_calls() -> list[SystemCall]:
    """What this process may call once it is locked."""
    return allowed_calls(os.getpid())
