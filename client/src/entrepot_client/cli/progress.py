"""A progress bar on stderr for what takes over a second: transfers and inspections.

There is none in a pipe. It appears by itself after a second, also while nothing is reported.
"""

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from entrepot_client.cli.output import Output, printable, terminal_width
from entrepot_client.cli.sizes import format_size

if TYPE_CHECKING:
    from rich.progress import Progress

_DELAY_SECONDS = 1.0
"""Shorter work needs no bar."""
_WITH_TIMES_CELLS = 60
"""A narrower terminal shows no times."""
_OTHERS_CELLS = 45
"""What the bar, the amount and the times take."""
_LABEL_CELLS = 12
"""What the label has in the narrowest terminal."""


class ProgressBar:
    """A bar that appears once its work has taken a second. A context manager."""

    def __init__(self, output: Output, label: str) -> None:
        self._output = output
        self._state: dict[str, Any] = {"description": label, "completed": 0, "total": None}
        self._unit = "bytes"
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        if self._output.shows_progress:
            self._timer = threading.Timer(_DELAY_SECONDS, self._appear)
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        with self._lock, self._output.lock:
            if self._progress is not None:
                self._progress.stop()

    def show(self, done: int, total: int | None) -> None:
        """Move to `done` of `total` bytes; a callback for the client's transfers."""
        self._move("bytes", completed=done, total=total)

    def stage(self, label: str, done: int, total: int | None, unit: str = "bytes") -> None:
        """Name the current stage, and move; `unit` is what is counted, such as `rows`."""
        self._move(unit, description=printable(label), completed=done, total=total)

    def _move(self, unit: str, **state: Any) -> None:
        with self._lock:
            self._unit = unit
            self._state |= state
            if self._progress is not None:
                self._update(self._progress)

    def _update(self, progress: "Progress") -> None:
        # Rich would ask the standard streams of the process, which may be no terminals.
        if width := terminal_width(self._output.err):
            progress.console.width = width
        amount = _describe_amount(self._state["completed"], self._state["total"], self._unit)
        progress.update(progress.task_ids[0], amount=amount, **self._state)

    def _appear(self) -> None:
        # Loaded when a bar appears, not when the program starts.
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.table import Column

        width = terminal_width(self._output.err) or _WITH_TIMES_CELLS
        label = Column(no_wrap=True, max_width=max(_LABEL_CELLS, width - _OTHERS_CELLS))
        times = (TimeElapsedColumn(), TimeRemainingColumn())
        progress = Progress(
            TextColumn("{task.description}", markup=False, table_column=label),
            BarColumn(),
            TextColumn("{task.fields[amount]}", markup=False),
            *(times if width >= _WITH_TIMES_CELLS else ()),
            # What is printed while the bar moves goes through this console: its lines are wrapped.
            console=Console(
                file=self._output.err, highlight=False, emoji=False, markup=False, soft_wrap=True
            ),
            transient=True,
        )
        with self._lock, self._output.lock:
            progress.add_task("", total=None, amount="")
            self._update(progress)
            progress.start()
            self._progress = progress


def _describe_amount(done: int, total: int | None, unit: str) -> str:
    if unit == "bytes":
        known = f"/{format_size(total)}" if total else ""
        return f"{format_size(done)}{known}" if done else ""
    known = f"/{total:,}" if total else ""
    return f"{done:,}{known} {unit}" if done else ""
