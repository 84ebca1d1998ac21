"""A locked process can make the system calls of the list, and no others."""

import errno
import platform
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.inspection.test_sandbox import attempt

from entrepot.inspection.sandbox import seccomp
from entrepot.inspection.sandbox.lockdown import missing_layers
from entrepot.inspection.sandbox.seccomp import ARCHITECTURES, filter_program
from entrepot.inspection.sandbox.system_calls import FIRST_RECENT, SystemCall, allowed_calls

PID = 4711
NEWEST = 520
"""A number beyond all system calls that any kernel has."""
PROBES = (335, 336)
"""uretprobe and uprobe of x86_64: the kernel exempts them from filters since Linux 6.14. Called
from elsewhere than a probe of the kernel they end the process, with SIGILL."""
DANGEROUS = {
    "socket": (41, 198), "socketpair": (53, 199), "bind": (49, 200), "connect": (42, 203),
    "execve": (59, 221), "ptrace": (101, 117), "kill": (62, 129), "tkill": (200, 130),
    "chown": (92, None), "fchownat": (260, 54), "chmod": (90, None), "fchmodat": (268, 53),
    "utime": (132, None), "utimensat": (280, 88), "setxattr": (188, 5), "truncate": (76, 45),
    "link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36),
    "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    "sethostname": (170, 161), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "setuid": (105, 146), "setpriority": (141, 140), "sched_setaffinity": (203, 122),
    "process_vm_readv": (310, 270), "bpf": (321, 280), "keyctl": (250, 219),
    "memfd_create": (319, 279), "inotify_init1": (294, 26), "io_uring_setup": (425, 425),
    "fsopen": (430, 430), "pidfd_open": (434, 434), "clone3": (435, 435), "mount": (165, 40),
}  # fmt: skip
"""Calls that nothing may allow, by their numbers on x86_64 and aarch64."""


def run_filter(program: bytes, machine: str, number: int, arguments: Sequence[int] = ()) -> int:
    """What `program` answers to one call, as the kernel would run it."""
    six = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<IIQ6Q", number, ARCHITECTURES[machine], 0, *six)
    steps = list(struct.iter_unpack("<HBBI", program))
    at, accumulator = 0, 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        match code:
            case seccomp.LOAD:
                (accumulator,) = struct.unpack_from("<I", data, value)
            case seccomp.AND:
                accumulator &= value
            case seccomp.EQUAL:
                at += if_true if accumulator == value else if_false
            case seccomp.AT_LEAST:
                at += if_true if accumulator >= value else if_false
            case seccomp.RETURN:
                return int(value)
            case _:
                raise AssertionError(code)


def numbers(machine: str) -> dict[int, SystemCall]:
    return {
        number: call for call in allowed_calls(PID) if (number := call.number(machine)) is not None
    }


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_the_filter_allows_the_list_alone(machine: str) -> None:
    program, listed = filter_program(machine, allowed_calls(PID)), numbers(machine)
    assert len(program) // 8 < 4096, "the kernel takes no longer program"
    for number in range(NEWEST):
        answer = run_filter(program, machine, number, [1 << 63 | 0xFFFE_0BAD] * 6)
        if number in listed and not listed[number].rules:
            assert answer == seccomp.ALLOW, listed[number]
        else:
            recent = number >= FIRST_RECENT
            assert answer == (seccomp.UNKNOWN if recent else seccomp.REFUSE), number
    assert run_filter(program, machine, 0x4000_0000 | 1) == seccomp.KILL
    other = next(each for each in ARCHITECTURES if each != machine)
    assert run_filter(program, other, 1) == seccomp.KILL
    forbidden = {each[list(ARCHITECTURES).index(machine)] for each in DANGEROUS.values()}
    assert not forbidden & set(listed)


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("clone", [[0x3D0F00]], [[0x11], [0x10000000], [0x1_0001_0000 & ~0x10000]]),
        ("fcntl", [[5, 6], [5, 1030], [0, 3]], [[5, 8, PID], [5, 1024], [5, 1031], [5, 4]]),
        ("ioctl", [[1, 0x5401]], [[1, 0x5412], [1, 0x5413], [1, 0x8933]]),
        ("madvise", [[0, 9, 4], [0, 9, 8]], [[0, 9, 100], [0, 9, 101], [0, 9, 10]]),
        ("prctl", [[15]], [[1], [4], [22], [24], [38]]),
        ("prlimit64", [[0, 7]], [[1, 7], [PID, 7], [0, 7, 8], [0, 7, 1 << 40]]),
        ("sched_getaffinity", [[0]], [[1]]),
        ("tgkill", [[PID, PID, 6]], [[1, 1, 9], [PID + 1, PID, 6]]),
    ],
)
def test_arguments(
    machine: str, name: str, allowed: list[list[int]], refused: list[list[int]]
) -> None:
    program = filter_program(machine, allowed_calls(PID))
    (number,) = [number for number, call in numbers(machine).items() if call.name == name]
    for arguments in allowed:
        assert run_filter(program, machine, number, arguments) == seccomp.ALLOW, arguments
    for arguments in refused:
        assert run_filter(program, machine, number, arguments) == seccomp.REFUSE, arguments


@pytest.mark.skipif(bool(missing_layers()), reason=f"lacks: {missing_layers()}")
def test_a_locked_process_is_refused_every_call_beside_the_list(tmp_path: Path) -> None:
    """Each number is called with arguments that harm nothing, should it get through."""
    tried = sorted(set(range(NEWEST)) - set(numbers(platform.machine())) - set(PROBES))
    code = f"""
libc = ctypes.CDLL(None, use_errno=True)
for number in {tried}:
    answer = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(-1)] * 6)
    print(number, answer, ctypes.get_errno(), flush=True)
"""
    done = attempt(tmp_path, code)
    assert done.returncode == 0, (done.stdout[-100:], done.stderr)
    answers = [tuple(map(int, line.split())) for line in done.stdout.splitlines()[:-1]]
    assert [number for number, _, _ in answers] == tried
    for number, answer, error in answers:
        assert answer == -1
        assert error == (errno.ENOSYS if number >= FIRST_RECENT else errno.EPERM), number
