"""Run a job in a sandbox process, and watch its time and memory from outside."""

import json
import os
import select
import signal
import time
from collections.abc import Callable
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
from entrepot.inspection.sandbox.watch import LimitExceeded, ProcessWatch

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.05
"""Between two checks of a process's limits, and of a cancellation."""
MAX_LOADING_SECONDS = 60.0
"""Until a new process is ready: usually a fraction of a second, more on a busy machine."""
MAX_ANSWER_BYTES = 256 * MIB
"""Of everything that one process sends: it is untrusted, and its messages are kept in memory."""
CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT)


class ProcessCrashed(Exception):
    """The process crashed on the file; the text names the signal."""


@dataclass(frozen=True)
class SandboxJob:
    """What one process gets: the task with its requests, its private scratch folder, and its
    limits, each request's own but for the processor's time.

    More than one request are those of a `SenderBatch`, which alone makes such a job.
    """

    task: Literal["inspect", "derive", "compare", "preview"]
    requests: tuple[InspectionRequest | ConversionRequest | ComparisonRequest | PreviewRequest, ...]
    scratch: Path
    limits: Limits
    sandbox: str

    def request_line(self) -> bytes:
        """The line that the process waits for."""
        requests = [
            {k: str(v.resolve()) if isinstance(v, Path) else v for k, v in asdict(each).items()}
            for each in self.requests
        ]
        message = {
            "job": self.task,
            "requests": requests,
            "scratch": str(self.scratch),
            "limits": asdict(self.limits),
            "sandbox": self.sandbox,
        }
        return json.dumps(message).encode() + b"\n"


class _Answers:
    """The lines that a process has sent so far, read without blocking beyond a timeout."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._parts: list[bytes] = []
        self._size = 0
        self._lines: list[bytes] = []
        self.closed = False

    def next(self, seconds: float) -> dict[str, Any] | None:
        """The next message within `seconds` seconds, or None. Raises InspectionFailed."""
        if not self._lines and not self.closed:
            readable, _, _ = select.select([self._descriptor], [], [], seconds)
            if readable:
                self._append(os.read(self._descriptor, MIB))
        if not self._lines:
            return None
        try:
            message = json.loads(self._lines.pop(0))
        except (ValueError, RecursionError):
            raise InspectionFailed("the sandbox process's answer cannot be read") from None
        return message if isinstance(message, dict) else {}

    def _append(self, data: bytes) -> None:
        self.closed = not data
        self._size += len(data)
        if self._size > MAX_ANSWER_BYTES:
            raise InspectionFailed("the sandbox process's answer is too long")
        *lines, tail = data.split(b"\n")
        for line in lines:
            self._lines.append(b"".join([*self._parts, line]))
            self._parts = []
        self._parts.append(tail)


class RunningJob:
    """A job that runs in `process`. Create it with `start_job`."""

    def __init__(
        self,
        process: SandboxProcess,
        job: SandboxJob,
        messages: _Answers,
        canceled: Callable[[], bool],
        on_cpu: Callable[[float], None],
    ) -> None:
        self._process = process
        self._job = job
        self._messages = messages
        self._canceled = canceled
        self._on_cpu = on_cpu
        self._answered = 0
        self._begun = 1
        self._used_before = process.cpu_seconds()

    def begin_next(self) -> None:
        """Have the process begin the next request, if there is one, while its last result is dealt
        with. Raises InspectionFailed if the process has ended."""
        if self._begun == self._answered < len(self._job.requests):
            self._used_before = self._process.cpu_seconds()
            _send(self._process, b"\n")
            self._begun += 1

    def next_result(self, on_progress: Callable[[int, int], None]) -> dict[str, Any]:
        """The result of the next request; the process may still run afterwards.

        Raises LimitExceeded and ProcessCrashed, which the file caused, InspectionCanceled and
        InspectionFailed. After any of them the process cannot be used any more.
        """
        self.begin_next()
        size = self._job.requests[self._answered].size
        self._answered += 1
        used = 0.0
        watch = ProcessWatch(self._process, self._job.scratch, self._job.limits, size)
        judged: dict[str, Any] | None = None
        try:
            while True:
                message = self._messages.next(POLL_SECONDS)
                if message is not None and "progress" in message:
                    on_progress(*_progress(message))
                elif message is not None and "unpacked" in message:
                    watch.allow(_count(message["unpacked"]))
                elif message is not None and "judged" in message:
                    judged = _result(message, "judged")
                    if message.get("rest"):
                        watch.shorten()
                elif message is not None:
                    return _outcome(message)
                elif self._messages.closed:
                    raise _ended(self._process, watch)
                used = max(used, self._process.cpu_seconds() - self._used_before)
                self._on_cpu(used)
                if self._canceled():
                    raise InspectionCanceled
                watch.check()
        except (LimitExceeded, ProcessCrashed, InspectionFailed) as ended:
            if judged is None:
                raise
            log.warning("a verdict stands alone", reason=str(ended)[:1_000])
            return judged


def start_job(
    process: SandboxProcess,
    job: SandboxJob,
    canceled: Callable[[], bool],
    on_cpu: Callable[[float], None],
) -> RunningJob:
    """Send `job` to `process` once that is ready. Raises InspectionCanceled, InspectionFailed.

    `on_cpu` is called before each `canceled`, with the seconds of CPU that the request has used
    which is worked on.
    """
    messages = _Answers(process.stdout)
    process.pid = _await_ready(messages, canceled)
    _send(process, job.request_line())
    return RunningJob(process, job, messages, canceled, on_cpu)


def _send(process: SandboxProcess, line: bytes) -> None:
    try:
        while line:
            line = line[os.write(process.stdin, line) :]
    except OSError:
        raise InspectionFailed("the sandbox process ended before it got its request") from None


def _await_ready(messages: _Answers, canceled: Callable[[], bool]) -> int:
    """The pid that the process sends once it is ready."""
    deadline = time.monotonic() + MAX_LOADING_SECONDS
    while (message := messages.next(POLL_SECONDS)) is None:
        if messages.closed:
            raise InspectionFailed("the sandbox process ended while it loaded")
        if canceled():
            raise InspectionCanceled
        if time.monotonic() > deadline:
            raise InspectionFailed(
                f"the sandbox process did not load within {MAX_LOADING_SECONDS:g} seconds"
            )
    return int(message["ready"])


def _progress(message: dict[str, Any]) -> tuple[int, int]:
    try:
        done, total = message["progress"]
    except (TypeError, ValueError):
        raise InspectionFailed("the sandbox process's progress cannot be read") from None
    return _count(done), _count(total)


def _count(value: Any) -> int:
    """A count that the process sent. Raises InspectionFailed."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise InspectionFailed("the sandbox process's progress cannot be read") from None


def _outcome(message: dict[str, Any]) -> dict[str, Any]:
    if message.get("late_imports"):
        log.critical("imported in the locked sandbox", modules=str(message["late_imports"])[:1_000])
    if "blocked" in message:
        log.critical("the sandbox denied what an inspection needs", reason=message["blocked"])
        raise SandboxDenied(str(message["blocked"]))
    if "exhausted" in message:
        raise LimitExceeded(f"what it may use ({message['exhausted']})")
    if "failed" in message:
        raise InspectionFailed(str(message["failed"]))
    return _result(message, "result")


def _result(message: dict[str, Any], key: str) -> dict[str, Any]:
    result = message.get(key)
    if not isinstance(result, dict):
        raise InspectionFailed("the sandbox process's answer is incomplete")
    return result


def _ended(process: SandboxProcess, watch: ProcessWatch) -> Exception:
    """What the end of a process without an answer means."""
    code = process.wait()
    if code == -signal.SIGXCPU:
        return watch.cpu_exceeded()
    # The kernel takes the largest process first when memory runs out.
    if watch.near_memory_limit() and code in (-signal.SIGKILL, -signal.SIGABRT):
        return watch.memory_exceeded()
    if -code in CRASHES:
        return ProcessCrashed(signal.Signals(-code).name)
    return InspectionFailed(f"the sandbox process ended without an answer (exit code {code})")
