"""A progress bar on stderr for what takes over a second: transfers and inspections.

There is none in a pipe.
"""

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from entrepot_client.cli.output import Output

if TYPE_CHECKING:
    from rich.progress import Progress

_DELAY_SECONDS = 1.0
"""Shorter work needs no bar."""


class ProgressBar:
    """A bar that appears once its work has taken a second. A context manager."""

    def __init__(
        self, output: Output, label: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._output = output
        self._label = label
        self._clock = clock
        self._started_at = clock()
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, done: int, total: int | None) -> None:
        """Move to `done` of `total` bytes; a callback for the client's transfers."""
        if not self._output.shows_progress:
            return
        if self._progress is None:
            if self._clock() - self._started_at < _DELAY_SECONDS:
                return
            self._progress = self._start()
        self._progress.update(
            self._progress.task_ids[0], completed=done, total=total, description=self._label
        )

    def stage(self, label: str, done: int, total: int | None) -> None:
        """Name the current stage, and move."""
        self._label = label
        self.show(done, total)

    def _start(self) -> "Progress":
        # Loaded when a bar appears, not when the program starts.
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self._output.err,
            transient=True,
        )
        progress.add_task(self._label, total=None)
        progress.start()
        return progress
