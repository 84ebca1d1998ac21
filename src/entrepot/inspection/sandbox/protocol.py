"""Talk with one inspecting process, and watch its time and memory from outside."""

import json
import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import structlog

from entrepot.inspection.limits import MIB, Limits
from entrepot.inspection.results import (
    ComparisonRequest,
    ConversionRequest,
    InspectionCanceled,
    InspectionFailed,
    InspectionRequest,
    PreviewRequest,
    SandboxDenied,
)
from entrepot.inspection.sandbox.spawn import SandboxProcess

log = structlog.get_logger(__name__)

POLL = 0.05
SCRATCH_POLL = 1.0
"""Seconds between two looks at the scratch folder, which cost more than one at the memory."""
LOADING = 60.0
MAX_ANSWER = 256 * MIB
CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT)


class LimitExceeded(Exception):
    """The child was ended by a limit; the text is the bound, figure and unit in words."""


class ProcessCrashed(Exception):
    """The child crashed on what it read; the text names the signal."""


@dataclass(frozen=True)
class SandboxJob:
    """What one child is told: the job, its private scratch folder, and its bounds."""

    job: Literal["inspect", "derive", "compare", "preview"]
    request: InspectionRequest | ConversionRequest | ComparisonRequest | PreviewRequest
    scratch: Path
    limits: Limits
    sandbox: str

    def opening(self) -> bytes:
        """The line that the child waits for."""
        told = asdict(self.request)
        request = {k: str(v.resolve()) if isinstance(v, Path) else v for k, v in told.items()}
        message = {
            "job": self.job,
            "request": request,
            "scratch": str(self.scratch),
            "limits": asdict(self.limits),
            "sandbox": self.sandbox,
        }
        return json.dumps(message).encode() + b"\n"


class _Answers:
    """The lines that a child has sent so far, read without blocking for longer than asked."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._parts: list[bytes] = []
        self._size = 0
        self._lines: list[bytes] = []
        self.closed = False

    def next(self, wait: float) -> dict[str, Any] | None:
        """The next message within `wait` seconds, or None. Raises InspectionFailed."""
        if not self._lines and not self.closed:
            readable, _, _ = select.select([self._descriptor], [], [], wait)
            if readable:
                self._receive(os.read(self._descriptor, MIB))
        if not self._lines:
            return None
        try:
            message = json.loads(self._lines.pop(0))
        except (ValueError, RecursionError):
            raise InspectionFailed("the child's answer cannot be read") from None
        return message if isinstance(message, dict) else {}

    def _receive(self, piece: bytes) -> None:
        self.closed = not piece
        self._size += len(piece)
        if self._size > MAX_ANSWER:
            raise InspectionFailed("the child's answer is too long")
        *whole, rest = piece.split(b"\n")
        for line in whole:
            self._lines.append(b"".join([*self._parts, line]))
            self._parts = []
        self._parts.append(rest)


def run_job(
    child: SandboxProcess,
    words: SandboxJob,
    on_progress: Callable[[int, int], None],
    canceled: Callable[[], bool],
) -> dict[str, Any]:
    """Have `child` do its job, and return what it answers; it may still run afterwards.

    Raises EndedByLimit and EndedByCrash, which say something of the file, InspectionCanceled
    and InspectionFailed.
    """
    answers = _Answers(child.stdout)
    child.pid = _await_ready(answers, canceled)
    try:
        opening = words.opening()
        while opening:
            opening = opening[os.write(child.stdin, opening) :]
    except OSError:
        raise InspectionFailed("the child ended before it was asked") from None
    deadline = time.monotonic() + words.limits.wall_seconds
    highest, look_again = 0, 0.0
    while True:
        message = answers.next(POLL)
        if message is not None and "progress" in message:
            on_progress(*_progress(message))
        elif message is not None:
            return _outcome(message)
        elif answers.closed:
            raise _ended(child, words, highest)
        if canceled():
            raise InspectionCanceled
        if time.monotonic() > deadline:
            raise LimitExceeded(f"{words.limits.wall_seconds:g} seconds of time")
        highest = max(highest, child.resident())
        if highest > words.limits.memory:
            raise LimitExceeded(f"{words.limits.memory:,} bytes of memory")
        if time.monotonic() > look_again:
            if _bytes_within(words.scratch) > words.limits.scratch:
                raise LimitExceeded(f"{words.limits.scratch:,} bytes of scratch space")
            look_again = time.monotonic() + SCRATCH_POLL


def _bytes_within(folder: Path) -> int:
    """Bytes on disk of all files below `folder`; those that go meanwhile count for nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += 512 * os.lstat(os.path.join(place, name)).st_blocks
    return total


def _await_ready(answers: _Answers, canceled: Callable[[], bool]) -> int:
    """The pid that the child says it has."""
    deadline = time.monotonic() + LOADING
    while (message := answers.next(POLL)) is None:
        if answers.closed:
            raise InspectionFailed("the child ended while it loaded")
        if canceled():
            raise InspectionCanceled
        if time.monotonic() > deadline:
            raise InspectionFailed(f"the child did not load within {LOADING:g} seconds")
    return int(message["ready"])


def _progress(message: dict[str, Any]) -> tuple[int, int]:
    try:
        done, total = message["progress"]
        return int(done), int(total)
    except (TypeError, ValueError):
        raise InspectionFailed("the child's progress cannot be read") from None


def _outcome(message: dict[str, Any]) -> dict[str, Any]:
    if message.get("late_imports"):
        log.critical(
            "imported behind the sandbox's lock", modules=str(message["late_imports"])[:1_000]
        )
    if "blocked" in message:
        log.critical("the sandbox denied what an inspection needs", reason=message["blocked"])
        raise SandboxDenied(str(message["blocked"]))
    if "exhausted" in message:
        raise LimitExceeded(f"what it may use ({message['exhausted']})")
    if "failed" in message:
        raise InspectionFailed(str(message["failed"]))
    result = message.get("result")
    if not isinstance(result, dict):
        raise InspectionFailed("the child's answer is incomplete")
    return result


def _ended(child: SandboxProcess, words: SandboxJob, highest: int) -> Exception:
    """What the end of a child without an answer means."""
    code = child.wait()
    if code == -signal.SIGXCPU:
        return LimitExceeded(f"{words.limits.cpu_seconds:,} seconds of CPU")
    # The kernel takes the largest process first when memory runs out.
    near_limit = highest > words.limits.memory * 8 // 10
    if near_limit and code in (-signal.SIGKILL, -signal.SIGABRT):
        return LimitExceeded(f"{words.limits.memory:,} bytes of memory")
    if -code in CRASHES:
        return ProcessCrashed(signal.Signals(-code).name)
    return InspectionFailed(f"the child ended without an answer (exit code {code})")
