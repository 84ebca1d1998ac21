"""How far an inspection has come, in bytes of its input, reported at most ten times a second."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

REPORT_SECONDS = 0.1
"""Between two reports: quick enough for a moving bar, too rare to cost anything."""

UNPACKED, SURVEYED, NORMALIZED, JUDGED, CONVERTED = 0.1, 0.15, 0.5, 0.95, 2.0
"""The share of the judging at which each pass ends: unpacking, the survey of the bytes, writing an
irregular text anew, and inference or checks; then the Parquet, which takes about as long as all of
them. What is left is the report and the places of its errors. Rough measures on texts: a bar must
move steadily, not be exact."""


class Progress:
    """Counts the passes over the file: each takes a share of the whole, in order.

    A pass that Python makes reports its position by `at`; during a pass of the engine a
    thread asks the engine (`watching`). `until` is the pass after which all is done.
    """

    def __init__(
        self,
        size: int,
        report: Callable[[int, int], None] | None = None,
        until: float = 1.0,
    ) -> None:
        self._size = size
        self._until = until
        self._report = report
        self._start = 0.0
        self._end = 0.0
        self._highest = 0
        self._last = 0.0

    def next_pass(self, until: float) -> None:
        """The next pass ends at the share `until` of the judging."""
        self._start, self._end = self._end, until
        self.at(0.0)

    def at(self, share: float) -> None:
        """The running pass has done `share` (0 to 1) of itself."""
        whole = self._start + (self._end - self._start) * min(1.0, max(0.0, share))
        done = int(min(1.0, whole / self._until) * self._size)
        now = time.monotonic()
        if self._report is None or done <= self._highest or now - self._last < REPORT_SECONDS:
            return
        self._highest, self._last = done, now
        self._report(done, self._size)

    @contextmanager
    def watching(self, engine: Any) -> Iterator[None]:
        """While the block runs, ask `engine` how far its query has come."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(REPORT_SECONDS):
                percent = engine.query_progress()
                if percent is not None and percent > 0:
                    self.at(percent / 100)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
