"""Watch a sandbox process from outside: its time, its memory and its scratch space."""

import os
import time
from contextlib import suppress
from pathlib import Path

from entrepot.inspection.limits import BASE_SECONDS, BYTES_PER_SECOND, Limits
from entrepot.inspection.sandbox.spawn import SandboxProcess
from entrepot_client.counts import counted

SCRATCH_POLL_SECONDS = 1.0
"""Seconds between two checks of the scratch folder, which cost more than those of the memory."""
SUGGESTION_FACTOR = 4.0
"""Times as long as a file took to be judged that a way out of its rejection may be looked for: it
is judged again after each kind of change, of which most rejections need one."""
MIN_SUGGESTION_SECONDS = 10.0
"""Seconds that may be spent on it in any case, within the limits of the whole."""
SPLIT = "Deliver the content in several smaller files"


class LimitExceeded(Exception):
    """A limit ended the process.

    The text is the limit, figure and unit in words; `spent` what was used, `allowed` how the limit
    comes about, `fix` what helps. `starved`: the process had little of the processor.
    """

    def __init__(
        self, limit: str, spent: str = "", allowed: str = "", fix: str = "", starved: bool = False
    ) -> None:
        super().__init__(limit)
        self._details = [spent, allowed, fix]
        self.starved = starved

    def describe(self) -> str:
        """What happened, with the figures, and how to fix it."""
        details = "".join(f" {detail}." for detail in self._details if detail)
        return f"it needs more than {self}, which is the limit.{details}"


class ProcessWatch:
    """Ends a job that passes a limit. `size` is the bytes of its input."""

    def __init__(self, process: SandboxProcess, scratch: Path, limits: Limits, size: int) -> None:
        self._process = process
        self._scratch = scratch
        self._limits = limits
        self._unpacked = size
        self._started = time.monotonic()
        self._deadline = float("inf")
        self._next_scratch_poll = 0.0
        self.peak_memory = 0

    def allow(self, unpacked: int) -> None:
        """The content has `unpacked` bytes, of which the budget depends; it never shrinks."""
        self._unpacked = max(self._unpacked, min(unpacked, self._limits.unpacked))

    def shorten(self) -> None:
        """The file was judged: what is left may take as long as `SUGGESTION_FACTOR` allows."""
        now = time.monotonic()
        seconds = max(MIN_SUGGESTION_SECONDS, SUGGESTION_FACTOR * (now - self._started))
        self._deadline = now + seconds

    def check(self) -> None:
        """Raises LimitExceeded."""
        self._check_time()
        self.peak_memory = max(self.peak_memory, self._process.resident())
        if self.peak_memory > self._limits.memory:
            raise self.memory_exceeded()
        if time.monotonic() > self._next_scratch_poll:
            used = _bytes_within(self._scratch)
            if used > self._limits.scratch:
                limit = f"{counted(self._limits.scratch, 'byte')} of scratch space"
                raise LimitExceeded(limit, f"It had used {used:,}", "", SPLIT)
            self._next_scratch_poll = time.monotonic() + SCRATCH_POLL_SECONDS

    def memory_exceeded(self) -> LimitExceeded:
        """The process needed more memory than it may have."""
        limit = f"{counted(self._limits.memory, 'byte')} of memory"
        return LimitExceeded(limit, f"It had used {self.peak_memory:,}", "", SPLIT)

    def near_memory_limit(self) -> bool:
        """Whether the process had most of the memory that it may have."""
        return self.peak_memory > self._limits.memory * 8 // 10

    def cpu_exceeded(self) -> LimitExceeded:
        """The process used all the CPU that its budget has."""
        budget = self._limits.cpu_budget(self._unpacked)
        return self._out_of_time(f"{_seconds(budget)} of CPU", least=budget)

    def _check_time(self) -> None:
        elapsed = time.monotonic() - self._started
        wall = self._limits.wall_budget(self._unpacked)
        if elapsed > wall or time.monotonic() > self._deadline:
            cpu = self._limits.cpu_budget(self._unpacked)
            starved = self._process.cpu_seconds() < min(wall, cpu) / 2
            raise self._out_of_time(f"{_seconds(wall)} of time", starved)
        if self._process.cpu_seconds() > self._limits.cpu_budget(self._unpacked):
            raise self.cpu_exceeded()

    def _out_of_time(self, limit: str, starved: bool = False, least: float = 0.0) -> LimitExceeded:
        elapsed = time.monotonic() - self._started
        cpu = max(least, self._process.cpu_seconds())  # 0 once it has ended
        return LimitExceeded(
            limit,
            f"It had used {_seconds(cpu)} of CPU within {_seconds(elapsed)}",
            f"A file gets {_seconds(BASE_SECONDS)}, and 1 for each {BYTES_PER_SECOND:,} of its "
            f"{counted(self._unpacked, 'byte')} of content, at most "
            f"{_seconds(self._limits.wall_seconds)}",
            f"{SPLIT}, or write it plainly: a text without stray quotes, a simpler workbook or "
            "pattern",
            starved,
        )


def _seconds(count: float) -> str:
    return counted(round(count, 1) if count >= 1 else float(f"{count:.2g}"), "second")


def _bytes_within(folder: Path) -> int:
    """Bytes on disk of all files below `folder`, without files that are removed meanwhile."""
    total = 0
    for folder_path, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += 512 * os.lstat(os.path.join(folder_path, name)).st_blocks
    return total
